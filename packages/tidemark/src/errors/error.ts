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
  readonly name: string
  readonly message: string
  readonly details: ErrorDetails
  readonly stack: string
  readonly cause: WireError | null
}

/** So many causes of causes cross a thread: a chain may be a ring. */
const MAX_CAUSES = 8

/** An error, or whatever was thrown, as plain data; its causes too, at most 8 deep. */
export function toWireError(error: unknown): WireError {
  return toWire(error, MAX_CAUSES)
}

function toWire(error: unknown, causes: number): WireError {
  if (!(error instanceof Error)) {
    return { code: null, name: 'Error', message: String(error), details: {}, stack: '', cause: null }
  }
  const { name, message, stack = '', cause: why } = error
  const cause = why === undefined || why === null || causes === 0 ? null : toWire(why, causes - 1)
  if (error instanceof TidemarkError) return { code: error.code, name, message, details: error.details, stack, cause }
  return { code: null, name, message, details: {}, stack, cause }
}

/** The error again: a TidemarkError if it was one, else an Error of the same name; stack and causes as they were. */
export function fromWireError(wire: WireError): Error {
  const cause = wire.cause === null ? undefined : fromWireError(wire.cause)
  const error =
    wire.code === null
      ? new Error(wire.message, cause === undefined ? undefined : { cause })
      : new TidemarkError(wire.code, wire.message, { cause, details: wire.details })
  if (wire.code === null && wire.name !== 'Error') {
    Object.defineProperty(error, 'name', { value: wire.name, configurable: true, writable: true })
  }
  if (wire.stack !== '') error.stack = wire.stack
  return error
}
