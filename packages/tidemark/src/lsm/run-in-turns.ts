import type { Steps } from '../store/types.ts'

/** A few ms. */
const STEPS_PER_TURN = 32

/** Runs a generator, waits where it waits, and lets others have the thread every few steps. */
export async function runInTurns<T>(work: Steps<T>, stepsPerTurn: number = STEPS_PER_TURN): Promise<T> {
  let step = work.next()
  for (let left = stepsPerTurn; step.done !== true; left--) {
    if (left === 0) {
      await new Promise((done) => setImmediate(done))
      left = stepsPerTurn
    }
    if (step.value instanceof Promise) {
      try {
        await step.value
      } catch (error) {
        // Where it waits it may have something to put back.
        step = work.throw(error)
        continue
      }
    }
    step = work.next()
  }
  return step.value
}
