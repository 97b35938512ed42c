import { systemClock, TidemarkError } from 'tidemark/system'

const PAUSE_MS = 250
const PATIENCE_MS = 60_000

/** Tries again for a minute what fails because brokers are away (errors with retry `later`). */
export async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  const untilMs = systemClock.monotonicMs() + PATIENCE_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      const passes = error instanceof TidemarkError && error.retry === 'later'
      if (!passes || systemClock.monotonicMs() > untilMs) throw error
      await systemClock.sleep(PAUSE_MS)
    }
  }
}
