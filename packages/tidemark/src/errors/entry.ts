/** Which part of the system an error comes from. */
export type ErrorDomain =
  | 'usage'
  | 'config'
  | 'job'
  | 'input'
  | 'log'
  | 'kafka'
  | 'state'
  | 'checkpoint'
  | 'disk'
  | 'runtime'
  | 'internal'

/**
 * What a caller may do with an error: `never` try again, `restart` the task from its checkpoint, or `later` (the same
 * call may succeed once the cause is gone, as a full disk that was cleaned).
 */
export type ErrorRetry = 'never' | 'restart' | 'later'

/** One line of the error table. `exit` is the exit code of the CLI when it ends by this error. */
export interface ErrorEntry {
  readonly domain: ErrorDomain
  readonly retry: ErrorRetry
  readonly exit: number
  /** One sentence for the documentation: what it means and what to do. */
  readonly about: string
}

/** Exit codes of the CLI, one per kind of trouble (docs/guide/errors.md lists them). */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  input: 3,
  locked: 4,
  data: 5,
  disk: 6,
  gaveUp: 7,
  internal: 70,
  /** 128 and the number of SIGINT, as shells have it. */
  interrupted: 130,
} as const
