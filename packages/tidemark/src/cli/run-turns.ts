import type { App, RunOptions, Summary } from '../api/app.ts'
import type { Clock } from '../clock/clock.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { EXIT } from '../errors/entry.ts'
import { SIGNALS } from './drain.ts'

/** A run that was told to end while it starts, and has not come back so soon, is ended at once. */
const GIVE_UP_MS = 3000
const PAUSE_MS = 1000

export interface TurnsOptions {
  /** Starts a run, which waits for its turn if another process runs the job. */
  readonly start: (more: Pick<RunOptions, 'signal'>) => Promise<App>
  /** Watches a run that has begun, to its end. */
  readonly follow: (app: App) => Promise<Summary>
  /** A run that has lost its turn waits for the next. False: what it reads cannot be read again. */
  readonly again: boolean
  readonly note: (line: string) => void
  readonly clock: Clock
}

/**
 * Runs a job of a system on which processes take turns: waits, runs, and when it had to stop because the brokers had not
 * heard of it in time (ERR_LEASE_LOST) or another has taken over (ERR_FENCED), waits again. Null: it was told to end while
 * it waited, and ran nothing.
 */
export async function runInTurns({ start, follow, again, note, clock }: TurnsOptions): Promise<Summary | null> {
  let wasOwner = false
  for (;;) {
    const waiting = endOnSignals(note)
    let app: App
    try {
      app = await start({ signal: waiting.signal })
    } catch (error) {
      if (waiting.signal.aborted && isTidemarkError(error, 'ERR_RUN_ENDED')) return null
      if (!(error instanceof TidemarkError)) throw error
      const isLost = isTurnOver(error)
      // It had its turn, and has lost it before it had begun.
      if (again && isLost) wasOwner = true
      // It has run before: brokers that are away now may come back.
      if (!wasOwner || !(isLost || error.retry === 'later')) throw error
      note(`tidemark: ${error.message} Trying again.`)
      await clock.sleep(PAUSE_MS, waiting.signal).catch(() => {})
      if (waiting.signal.aborted) return null
      continue
    } finally {
      waiting.stop()
    }
    wasOwner = true
    try {
      return await follow(app)
    } catch (error) {
      if (!again || !(error instanceof TidemarkError) || !isTurnOver(error)) throw error
      note(`tidemark: ${error.message}`)
      note('tidemark: this process goes on as a spare.')
    }
  }
}

function isTurnOver({ code }: TidemarkError): boolean {
  return code === 'ERR_LEASE_LOST' || code === 'ERR_FENCED'
}

/** The first signal ends the wait; a second, or one that the start does not heed, ends the process. */
function endOnSignals(note: (line: string) => void): { readonly signal: AbortSignal; readonly stop: () => void } {
  const wait = new AbortController()
  let timer: NodeJS.Timeout | null = null
  const end = (): never => process.exit(EXIT.interrupted)
  const onSignal = (signal: NodeJS.Signals): void => {
    if (timer !== null) end()
    note(`tidemark: ${signal}: ending`)
    timer = setTimeout(end, GIVE_UP_MS)
    wait.abort()
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return {
    signal: wait.signal,
    stop: () => {
      if (timer !== null) clearTimeout(timer)
      for (const signal of SIGNALS) process.off(signal, onSignal)
    },
  }
}
