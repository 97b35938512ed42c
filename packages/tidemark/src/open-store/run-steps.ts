import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../clock/clock.ts'
import type { Steps } from '../store/types.ts'

const SLICE_MS = 5

/** Runs steps to their end: waits where they wait, and lets the event loop go on every few milliseconds. */
export async function runSteps<T>(steps: Steps<T>, clock: Clock): Promise<T> {
  let untilMs = clock.monotonicMs() + SLICE_MS
  let step = steps.next()
  while (step.done !== true) {
    let failed: { readonly error: unknown } | null = null
    if (step.value instanceof Promise) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one step after the other
        await step.value
      } catch (error) {
        failed = { error }
      }
      untilMs = clock.monotonicMs() + SLICE_MS
    } else if (clock.monotonicMs() >= untilMs) {
      // oxlint-disable-next-line no-await-in-loop -- that is what it is for
      await setImmediate()
      untilMs = clock.monotonicMs() + SLICE_MS
    }
    step = failed === null ? steps.next() : steps.throw(failed.error)
  }
  return step.value
}
