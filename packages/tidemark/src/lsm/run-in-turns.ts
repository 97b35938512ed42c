import type { Steps } from '../store/types.ts'

/** A few ms. */
const STEPS_PER_TURN = 32

/** Runs a generator, waits where it waits, and lets others have the thread every few steps. */
export async function runInTurns<T>(work: Steps<T>, stepsPerTurn: number = STEPS_PER_TURN): Promise<T> {
  for (;;) {
    for (let i = 0; i < stepsPerTurn; i++) {
      const step = work.next()
      if (step.done === true) return step.value
      if (step.value instanceof Promise) await step.value
    }
    await new Promise((done) => setImmediate(done))
  }
}
