import { fork } from 'node:child_process'
import { fromWireError, TidemarkError, type WireError } from '../errors/error.ts'

/** What a child tells of the state that it has read. */
export interface ChildReport {
  readonly files: number
  readonly bytes: number
  readonly entries: number
  readonly checkpoints: readonly number[]
  /** Stores that could not be read to their end. */
  readonly failures: readonly { readonly store: string; readonly error: WireError }[]
}

/** A child's last words. */
export type ChildAnswer = { readonly report: ChildReport } | { readonly error: WireError }

/**
 * Reads all that an engine keeps in a directory, in a process of its own: an engine that trusts what it reads may end the
 * process, or walk in a circle, when that is damaged. ERR_STATE_CORRUPT when a signal ended the child; what opening throws.
 */
export async function readInChild(engine: string, directory: string): Promise<ChildReport> {
  const entry = import.meta.url.endsWith('.ts') ? './verify-child-main.ts' : './verify-child-main.js'
  const child = fork(new URL(entry, import.meta.url), [engine, directory], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  let answer: ChildAnswer | null = null
  child.on('message', (message) => {
    answer = message as ChildAnswer
  })
  const ended = await new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    // Not `exit`: what it said may still be on the way then.
    child.on('close', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
  })
  const said = answer as ChildAnswer | null
  if (said === null) {
    throw new TidemarkError(
      'ERR_STATE_CORRUPT',
      `the state of ${engine} in ${directory} is damaged: reading it ended the process that did (${ended}). Restore it from ` +
        'a checkpoint or a savepoint, or remove the data directory and run the job again',
      { details: { path: directory } },
    )
  }
  if ('error' in said) throw fromWireError(said.error)
  return said.report
}
