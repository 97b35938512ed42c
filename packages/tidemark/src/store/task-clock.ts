/** The clock of a task as a checkpoint keeps it; null: not known yet. */
export interface ClockReading {
  readonly processingMs: number | null
  readonly eventMs: number | null
}

/**
 * What time it is for the entries of a task that have a TTL: two times that never go back, whatever the machine's clock
 * does, and that go on after a restart from where the checkpoint left them. Event time is a function of the messages
 * read, so that a replay comes to the same state; processing time is not.
 */
export class TaskClock {
  /** Wall clock at the last batch, ms; minus infinity before the first. */
  processingMs: number
  /** The task's watermark, ms; minus infinity before the first message. */
  eventMs: number

  constructor(reading: ClockReading | null = null) {
    this.processingMs = reading?.processingMs ?? Number.NEGATIVE_INFINITY
    this.eventMs = reading?.eventMs ?? Number.NEGATIVE_INFINITY
  }

  /** Tells the wall clock. */
  sampleProcessing(nowMs: number): void {
    if (nowMs > this.processingMs) this.processingMs = nowMs
  }

  /** Tells the watermark. */
  advanceEvent(watermarkMs: number): void {
    if (watermarkMs > this.eventMs) this.eventMs = watermarkMs
  }

  read(): ClockReading {
    const { processingMs, eventMs } = this
    return {
      processingMs: Number.isFinite(processingMs) ? processingMs : null,
      eventMs: Number.isFinite(eventMs) ? eventMs : null,
    }
  }
}
