import { TidemarkError } from '../errors/error.ts'

/** The header that makes a record a mark (design/03). */
export const MARK_HEADER = 'tm-mark'

/**
 * What one producing task last said of its progress into an intermediate partition. `watermark`: no earlier event time
 * follows. `idle` and `end`: it holds nothing back; `end` also asks that what is still pending be emitted.
 */
export interface ProducerMark {
  readonly kind: 'watermark' | 'idle' | 'end'
  readonly watermarkMs: number | null
  /** Of an `end`: the ends of the job's finite source streams that it is one of. With other ends there is more to come. */
  readonly ends?: string
}

/** A mark as it travels: who says it, and how many producers there are in all. */
export interface Mark extends ProducerMark {
  readonly producer: number
  readonly producers: number
  /** A barrier: all that the producer sent before the cut of this savepoint has been sent. */
  readonly savepoint?: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeMark(mark: Mark): Uint8Array {
  return encoder.encode(JSON.stringify(mark))
}

export function decodeMark(bytes: Uint8Array, start: number, end: number): Mark {
  try {
    return JSON.parse(decoder.decode(bytes.subarray(start, end))) as Mark
  } catch (cause) {
    throw new TidemarkError('ERR_LOG_CORRUPT', 'a mark in an intermediate stream cannot be read', { cause })
  }
}

/**
 * The marks of all producers of one intermediate partition, and what follows from them: the watermark is the minimum
 * over the producers that are neither idle nor ended, and there is none until each producer was heard. A producer has
 * ended only as long as the source streams end where they did then: when a job goes on with more input, each producer holds
 * the others back at its last watermark until it is heard again.
 */
export class MarkBoard {
  readonly #marks = new Map<number, ProducerMark>()
  /** The last barrier of each producer. Not part of the checkpoint: a crash ends the savepoint. */
  readonly #barriers = new Map<number, string>()
  #producers = 0
  #watermarkMs: number = Number.NEGATIVE_INFINITY
  #ends = ''

  restore(marks: Readonly<Record<string, ProducerMark>>, producers: number, watermarkMs: number | null = null): void {
    this.#producers = producers
    if (watermarkMs !== null) this.#watermarkMs = watermarkMs
    for (const [producer, mark] of Object.entries(marks)) this.#marks.set(Number(producer), mark)
    this.#advance()
  }

  /** Where the source streams of this run end, as far as that is known. */
  expect(ends: string): void {
    this.#ends = ends
    this.#advance()
  }

  take({ producer, producers, kind, watermarkMs, ends, savepoint }: Mark): void {
    this.#producers = producers
    this.#marks.set(producer, { kind, watermarkMs, ...(ends === undefined ? {} : { ends }) })
    if (savepoint !== undefined) this.#barriers.set(producer, savepoint)
    this.#advance()
  }

  #advance(): void {
    if (this.#producers === 0 || this.#marks.size < this.#producers) return
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    for (const mark of this.#marks.values()) {
      const at = mark.watermarkMs ?? Number.NEGATIVE_INFINITY
      if (at > most) most = at
      if (this.#holds(mark) && at < least) least = at
    }
    const next = least === Number.POSITIVE_INFINITY ? most : least
    // A producer that was idle may come back behind the others: progress that was promised is not taken back.
    if (next > this.#watermarkMs) this.#watermarkMs = next
  }

  #holds({ kind, ends = '' }: ProducerMark): boolean {
    return kind === 'watermark' || (kind === 'end' && ends !== this.#ends)
  }

  /** True when every producer's last barrier is that of the savepoint. */
  barrierComplete(savepoint: string, producers: number): boolean {
    let count = 0
    for (const barrier of this.#barriers.values()) if (barrier === savepoint) count++
    return count >= producers
  }

  /** Minus infinity until every producer was heard. */
  get watermarkMs(): number {
    return this.#watermarkMs
  }

  /** True when every producer has ended. */
  get ended(): boolean {
    if (this.#producers === 0 || this.#marks.size < this.#producers) return false
    for (const mark of this.#marks.values()) if (mark.kind !== 'end' || this.#holds(mark)) return false
    return true
  }

  get idle(): boolean {
    if (this.#producers === 0 || this.#marks.size < this.#producers) return false
    for (const mark of this.#marks.values()) if (this.#holds(mark)) return false
    return true
  }

  toJSON(): Record<string, ProducerMark> {
    const out: Record<string, ProducerMark> = {}
    for (const [producer, mark] of [...this.#marks].sort((a, b) => a[0] - b[0])) out[String(producer)] = mark
    return out
  }
}
