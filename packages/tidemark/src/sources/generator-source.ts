import { setImmediate as nextTurn } from 'node:timers/promises'
import type { RowBatch } from './row-batch.ts'
import type { Json, RowSource } from './row-source.ts'

const ROWS_PER_BATCH = 1024

/** A message that a generator makes. */
export interface GeneratedRow {
  readonly key?: unknown
  readonly value: unknown
  /** Event time, ms since 1970, for streams that take none from the value. */
  readonly timestamp?: number
}

export interface GeneratorSourceOptions {
  /** Names the producer in the log: two generators of one stream need two names. */
  readonly name: string
  /**
   * Row `index`, from 0: must give the same row for the same index in every run, or an iterable that gives the same
   * rows in order.
   */
  readonly rows: ((index: number) => GeneratedRow) | Iterable<GeneratedRow>
  /** How many rows; an iterable may end before. */
  readonly count: number
}

/** Rows that are computed, for benchmarks and tests. Goes on after a crash at the row where it was, exactly once. */
export class GeneratorSource implements RowSource {
  readonly name: string
  readonly #count: number
  readonly #make: (index: number) => GeneratedRow | null
  #at = 0

  constructor(options: GeneratorSourceOptions) {
    const { rows, count } = options
    this.name = options.name
    this.#count = count
    this.#make = typeof rows === 'function' ? rows : inOrder(rows)
  }

  get rows(): number {
    return this.#at
  }

  position(): Json {
    return { kind: 'generator', rows: this.#at }
  }

  open(position: Json | null): Promise<void> {
    this.#at = (position as { readonly rows: number } | null)?.rows ?? 0
    return Promise.resolve()
  }

  async next(batch: RowBatch): Promise<'rows' | 'idle' | 'end'> {
    // Computed rows come without a wait: others on this thread get a turn.
    await nextTurn()
    batch.reset()
    const end = Math.min(this.#at + ROWS_PER_BATCH, this.#count)
    const keys: unknown[] = (batch.keys ??= [])
    const timestamps: (number | null)[] = (batch.timestamps ??= [])
    for (; this.#at < end; this.#at++) {
      const row = this.#make(this.#at)
      if (row === null) break
      keys[batch.count] = row.key ?? null
      timestamps[batch.count] = row.timestamp ?? null
      batch.push(row.value, this.#at + 1, 0, 0)
    }
    return batch.count === 0 ? 'end' : 'rows'
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** Row by index of an iterable that can only be walked once, forwards. */
function inOrder(rows: Iterable<GeneratedRow>): (index: number) => GeneratedRow | null {
  const iterator = rows[Symbol.iterator]()
  let at = 0
  return (index) => {
    for (; ; at++) {
      const next = iterator.next()
      if (next.done === true) return null
      if (at === index) {
        at++
        return next.value
      }
    }
  }
}
