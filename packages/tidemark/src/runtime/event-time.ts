import type { TaskClock } from '../store/task-clock.ts'

/**
 * The event time of a task for entries with a TTL: the least watermark of those inputs that have one. It depends on the
 * messages only, and with one input on nothing else, so that a replay finds the same entries ended.
 */
export class EventTime {
  readonly #clock: TaskClock
  readonly #watermarks: number[] = []

  constructor(clock: TaskClock) {
    this.#clock = clock
  }

  /** An input that takes part; returns its number. */
  join(watermarkMs: number): number {
    this.#watermarks.push(watermarkMs)
    return this.#watermarks.length - 1
  }

  moved(input: number, watermarkMs: number): void {
    const watermarks = this.#watermarks
    if (watermarkMs <= (watermarks[input] as number)) return
    watermarks[input] = watermarkMs
    let least = watermarkMs
    for (const other of watermarks) if (other < least && Number.isFinite(other)) least = other
    this.#clock.advanceEvent(least)
  }
}
