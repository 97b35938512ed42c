import { ERRORS, type ErrorCode } from './table.ts'
import type { ErrorDomain, ErrorRetry } from './entry.ts'

/** Extra facts of an error, by name: stream, partition, offset, store, key, file, line, column and so on. */
export type ErrorDetails = Readonly<Record<string, string | number | bigint | boolean | null>>

/**
 * The one error class of Tidemark. `code` is stable and listed in docs/guide/errors.md; the message says what happened,
 * where, and what to do.
 */
export class TidemarkError extends Error {
  override readonly name = 'TidemarkError'
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }

  get domain(): ErrorDomain {
    return ERRORS[this.code].domain
  }

  get retry(): ErrorRetry {
    return ERRORS[this.code].retry
  }

  get exitCode(): number {
    return ERRORS[this.code].exit
  }
}

/** True for an error of ours, and with `code` only for that one. */
export function isTidemarkError(error: unknown, code?: ErrorCode): error is TidemarkError {
  return error instanceof TidemarkError && (code === undefined || error.code === code)
}

/** Throws ERR_INVARIANT when a condition that must always hold does not: the process cannot go on safely. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new TidemarkError('ERR_INVARIANT', `broken invariant: ${what}. Please report this.`)
}

/** An error as it crosses threads: structured clone keeps only name and message of a class instance. */
export interface WireError {
  readonly code: ErrorCode | null
  readonly message: string
  readonly details: ErrorDetails
  readonly stack: string
}

export function toWireError(error: unknown): WireError {
  if (error instanceof TidemarkError) {
    return { code: error.code, message: error.message, details: error.details, stack: error.stack ?? '' }
  }
  if (error instanceof Error) return { code: null, message: error.message, details: {}, stack: error.stack ?? '' }
  return { code: null, message: String(error), details: {}, stack: '' }
}

export function fromWireError(wire: WireError): Error {
  const error =
    wire.code === null ? new Error(wire.message) : new TidemarkError(wire.code, wire.message, { details: wire.details })
  if (wire.stack !== '') error.stack = wire.stack
  return error
}
