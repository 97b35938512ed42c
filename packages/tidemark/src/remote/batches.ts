import type { Clock } from '../clock/clock.ts'

export interface BatchesOptions<T> {
  readonly maxKeys: number
  readonly maxDelayMs: number
  readonly concurrency: number
  readonly clock: Clock
  /** Settles when a place for the next is free; never rejects. */
  readonly send: (batch: readonly T[]) => Promise<void>
  /** False: it may not go yet; `pump` says when to look again. */
  readonly mayGo?: (item: T) => boolean
}

/**
 * Collects what is to be sent: a batch goes when it is full, or when its first item has waited long enough and a place is
 * free. Without a delay it goes when the code that is running has run.
 */
export class Batches<T> {
  readonly #options: BatchesOptions<T>
  #waiting: T[] = []
  #sending = 0
  #timer = false
  /** The delay of those that wait is over: they go when there is a place. */
  #due = false
  readonly #ended = new AbortController()

  constructor(options: BatchesOptions<T>) {
    this.#options = options
  }

  add(item: T): void {
    const { maxKeys } = this.#options
    this.#waiting.push(item)
    if (this.#waiting.length >= maxKeys) this.pump()
    if (this.#waiting.length === 0 || this.#timer || this.#due) return
    this.#timer = true
    void this.#wait()
  }

  async #wait(): Promise<void> {
    const { maxDelayMs, clock } = this.#options
    try {
      await (maxDelayMs === 0 ? null : clock.sleep(maxDelayMs, this.#ended.signal))
    } catch {
      // The task has ended: `close` has told those that waited.
      return
    }
    this.#timer = false
    this.#due = this.#waiting.length > 0
    this.pump()
  }

  /** Sends what can go. */
  pump(): void {
    const { concurrency, maxKeys } = this.#options
    while (this.#sending < concurrency && (this.#due || this.#waiting.length >= maxKeys)) {
      const batch = this.#take()
      if (this.#waiting.length === 0) this.#due = false
      if (batch.length === 0) return
      this.#sending++
      void this.#send(batch)
    }
  }

  async #send(batch: readonly T[]): Promise<void> {
    await this.#options.send(batch)
    this.#sending--
    this.pump()
  }

  #take(): T[] {
    const { maxKeys, mayGo } = this.#options
    if (mayGo === undefined) return this.#waiting.splice(0, maxKeys)
    const batch: T[] = []
    const left: T[] = []
    for (const item of this.#waiting) (batch.length < maxKeys && mayGo(item) ? batch : left).push(item)
    this.#waiting = left
    return batch
  }

  /** Ends; what waited, to be told. */
  close(): T[] {
    this.#ended.abort()
    return this.#waiting.splice(0)
  }
}
