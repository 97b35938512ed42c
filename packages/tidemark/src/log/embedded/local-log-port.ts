import type { CommitResult, LogPort, OffsetsView, StreamInfo, StreamReader, Transaction } from '../types.ts'
import type { EmbeddedLog } from './embedded-log.ts'

export interface LocalLogPortOptions {
  /** True: commits wait for `pump`, which makes them one group. False (default): each is a group of its own, at once. */
  readonly grouped?: boolean
}

interface Waiting {
  readonly transaction: Transaction
  readonly done: (result: CommitResult) => void
}

/** A log port on the log's own thread: deterministic, all calls back come from `commit` or `pump`. */
export class LocalLogPort implements LogPort {
  readonly directory: string
  readonly offsets: OffsetsView
  readonly #log: EmbeddedLog
  readonly #grouped: boolean
  readonly #advanced: (() => void)[] = []
  readonly #flushWanted: ((producers: readonly string[]) => void)[] = []
  #waiting: Waiting[] = []
  #behind = false

  constructor(log: EmbeddedLog, options: LocalLogPortOptions = {}) {
    this.directory = log.directory
    this.offsets = log.offsets
    this.#log = log
    this.#grouped = options.grouped ?? false
  }

  commit(transaction: Transaction, done: (result: CommitResult) => void): void {
    this.#waiting.push({ transaction, done })
    if (!this.#grouped) this.pump()
  }

  flushed(producer: string, id: number): void {
    this.#log.flushed(producer, id)
  }

  onAdvanced(listener: () => void): void {
    this.#advanced.push(listener)
  }

  onFlushWanted(listener: (producers: readonly string[]) => void): void {
    this.#flushWanted.push(listener)
  }

  reader(stream: StreamInfo, partition: number): StreamReader {
    return this.#log.reader(stream, partition)
  }

  close(): void {}

  /** Commits what waits as one group; returns how many transactions there were. Also catches up after a full disk. */
  pump(): number {
    const group = this.#waiting
    this.#waiting = []
    let advanced = this.#behind && this.#log.catchUp()
    if (group.length > 0) {
      const results = this.#log.commit(group.map((waiting) => waiting.transaction))
      for (const [i, { transaction, done }] of group.entries()) {
        const result = results[i] as CommitResult
        advanced ||= result.outcome === 'committed' && transaction.appends.length > 0
        done(result)
      }
    }
    this.#behind = !this.#log.caughtUp
    if (advanced) for (const listener of this.#advanced) listener()
    const producers = group.length > 0 ? this.#log.flushWanted() : []
    if (producers.length > 0) for (const listener of this.#flushWanted) listener(producers)
    return group.length
  }
}
