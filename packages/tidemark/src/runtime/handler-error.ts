import { TidemarkError } from '../errors/error.ts'
import type { Row } from './row.ts'

/** Codes that name a fault of the job by themselves: they are told as they are, with the place. */
const OWN_CODES: ReadonlySet<string> = new Set([
  'ERR_STEP_ASYNC',
  'ERR_HANDLER_TIMEOUT',
  'ERR_REMOTE_FAILED',
  'ERR_REMOTE_TIMEOUT',
  'ERR_REMOTE_RESULT',
  'ERR_REMOTE_READ_ONLY',
])

/** Which user code runs: the handling of the row at hand, or a hook that no record has caused. */
export type Caller = 'message' | 'init' | 'timer' | 'close'

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Errors that no policy may swallow: those that are not about a message, and a step that returns promises, or a partitioner
 * that is not the stream's, which would lose every message.
 */
export function mustStop(error: unknown): boolean {
  return (
    error instanceof TidemarkError &&
    (error.domain === 'disk' ||
      error.domain === 'log' ||
      error.domain === 'internal' ||
      error.code === 'ERR_STATE_CORRUPT' ||
      error.code === 'ERR_STEP_ASYNC' ||
      error.code === 'ERR_PARTITIONER')
  )
}

/**
 * What ends the task when user code failed: says where, which a user's error by itself does not. ERR_STEP_ASYNC and
 * ERR_HANDLER_TIMEOUT keep their code, errors of disk, log and state files are passed on as they are, everything else is
 * the cause of ERR_HANDLER_FAILED. `details` has stream, partition, offset and key when a record was at hand.
 */
export function handlerError(error: unknown, row: Row, caller: Caller, task: string): Error {
  const key = caller === 'message' ? row.describeKey() : null
  const where =
    caller === 'message'
      ? `${row.where()}${key === null ? '' : `, key ${key}`}`
      : `its ${caller} ${caller === 'timer' ? 'or period' : 'hook'}`
  const place = caller === 'message' ? { ...row.at, key } : {}
  if (error instanceof TidemarkError) {
    if (OWN_CODES.has(error.code)) {
      const details = { ...error.details, ...place }
      return new TidemarkError(error.code, `${task}, at ${where}: ${error.message}`, { cause: error.cause, details })
    }
    if (mustStop(error)) return error
  }
  return new TidemarkError(
    'ERR_HANDLER_FAILED',
    `${task}: the handler failed at ${where}: ${messageOf(error)}. ` +
      'Nothing of this message is kept. Mend the handler, or choose another policy (onError: drop, deadLetter), and run again.',
    { cause: error, details: place },
  )
}
