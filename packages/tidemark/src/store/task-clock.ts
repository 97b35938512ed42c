/** The clock of a task as a checkpoint keeps it; null: not known yet. */
export interface ClockReading {
  readonly processingMs: number | null
  /** The least event time of the stores that have one; null while one of them has none. */
  readonly eventMs: number | null
  /** Event time of each store that goes by it, where it is known. */
  readonly events?: Readonly<Record<string, number>>
}

/** Event time of one store, ms; minus infinity before its first record. */
export interface StoreTime {
  ms: number
}

/**
 * What time it is for the entries of a task that have a TTL: times that never go back, whatever the machine's clock does,
 * and that go on after a restart from where the checkpoint left them. Event time is a function of the records read, so
 * that a replay comes to the same state; processing time is not. Each store has an event time of its own: the stages of a
 * pipeline are behind each other by as much as commits make it, and one may not tell the time of another.
 */
export class TaskClock {
  /** Wall clock at the last batch, ms; minus infinity before the first. */
  processingMs: number
  readonly #times = new Map<string, StoreTime>()
  readonly #restored: ClockReading | null

  constructor(reading: ClockReading | null = null) {
    this.processingMs = reading?.processingMs ?? Number.NEGATIVE_INFINITY
    this.#restored = reading
  }

  /** The event time of a store. One that the checkpoint does not know by name begins where all others have been. */
  timeOf(store: string): StoreTime {
    let time = this.#times.get(store)
    if (time === undefined) {
      const restored = this.#restored
      time = { ms: restored?.events?.[store] ?? restored?.eventMs ?? Number.NEGATIVE_INFINITY }
      this.#times.set(store, time)
    }
    return time
  }

  /** Tells the wall clock. */
  sampleProcessing(nowMs: number): void {
    if (nowMs > this.processingMs) this.processingMs = nowMs
  }

  /** Tells all stores an event time. */
  advanceEvent(newestMs: number): void {
    for (const time of this.#times.values()) if (newestMs > time.ms) time.ms = newestMs
  }

  read(): ClockReading {
    const { processingMs } = this
    const known = Number.isFinite(processingMs) ? processingMs : null
    if (this.#times.size === 0) return { processingMs: known, eventMs: this.#restored?.eventMs ?? null }
    let least = Number.POSITIVE_INFINITY
    const events: Record<string, number> = {}
    for (const [store, { ms }] of this.#times) {
      if (ms < least) least = ms
      if (Number.isFinite(ms)) events[store] = ms
    }
    return { processingMs: known, eventMs: Number.isFinite(least) ? least : null, events }
  }
}
