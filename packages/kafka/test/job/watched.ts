import { setTimeout as sleep } from 'node:timers/promises'

/** A process that a test waits for. */
export interface Watched {
  readonly ended: boolean
  /** What it has said on its standard error. */
  readonly told: string
}

/** Longer than anything here takes on a busy machine, and shorter than a file may. */
const MOST_MS = 120_000
const PAUSE_MS = 100

/** Settles when something is so; fails, and says what the process has said, when that has ended before, or it takes too long. */
export async function untilOf(
  by: Watched,
  what: string,
  isSo: () => boolean | Promise<boolean>,
  mostMs: number = MOST_MS,
): Promise<void> {
  const untilMs = performance.now() + mostMs
  // What has ended by now may have done it before.
  for (let { ended } = by; !(await isSo()); { ended } = by) {
    const why = ended ? 'the run has ended' : performance.now() > untilMs ? `it takes more than ${mostMs} ms` : null
    if (why !== null) throw new Error(`waiting for ${what}: ${why}. It said:\n${by.told}`)
    await sleep(PAUSE_MS)
  }
}

export function untilSays(by: Watched, what: RegExp): Promise<void> {
  return untilOf(by, `"${what.source}"`, () => what.test(by.told))
}

/** What a promise settles with; fails, and says what the process has said, when that takes too long. */
export async function within<T>(by: Watched, what: string, promise: Promise<T>, mostMs: number = MOST_MS): Promise<T> {
  const late = Promise.withResolvers<never>()
  const text = (): string => `waiting for ${what}: it takes more than ${mostMs} ms. It said:\n${by.told}`
  const timer = setTimeout(() => late.reject(new Error(text())), mostMs)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
