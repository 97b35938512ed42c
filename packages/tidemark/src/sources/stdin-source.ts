import type { Readable } from 'node:stream'
import { invariant } from '../errors/error.ts'
import { StreamBytes } from './byte-input.ts'
import type { RowBatch } from './row-batch.ts'
import type { RowFormat } from './row-parser.ts'
import { RowReader, START } from './row-reader.ts'
import { type Json, type RowSource, type Waiter, realWaiter } from './row-source.ts'

const DEFAULT_POLL_MS = 100

export interface StdinSourceOptions {
  /** As process.stdin. */
  readonly stream: Readable
  readonly format: RowFormat
  readonly chunkBytes?: number
  readonly maxRowBytes?: number
  /** How long `next` waits for bytes before it says 'idle', ms (default 100). */
  readonly pollMs?: number
  readonly waiter?: Waiter
}

/**
 * The rows of standard input. It cannot be read again from a position, so a crash loses what was read and not
 * committed, and piping the same data again takes it again: at-least-once, by its nature. Only the number of rows is
 * kept.
 */
export class StdinSource implements RowSource {
  readonly name = '-'
  readonly #options: StdinSourceOptions
  readonly #waiter: Waiter
  #input: StreamBytes | null = null
  #reader: RowReader | null = null
  /** A read that has not come back yet, and the space it reads into. */
  #reading: Promise<number> | null = null
  #ended = false

  constructor(options: StdinSourceOptions) {
    this.#options = options
    this.#waiter = options.waiter ?? realWaiter
  }

  get rows(): number {
    return this.#reader?.position.rows ?? 0
  }

  position(): Json {
    return { kind: 'stdin', rows: this.rows }
  }

  open(position: Json | null): Promise<void> {
    const rows = (position as { readonly rows: number } | null)?.rows ?? 0
    this.#input = new StreamBytes(this.#options.stream)
    this.#reader = new RowReader({ ...this.#options, name: 'stdin' }, { ...START, rows })
    return Promise.resolve()
  }

  async next(batch: RowBatch): Promise<'rows' | 'idle' | 'end'> {
    batch.reset()
    if (this.#ended) return 'end'
    invariant(this.#reader !== null && this.#input !== null, 'standard input is open')
    this.#reading ??= this.#input.read(this.#reader.space())
    const pollMs = this.#options.pollMs ?? DEFAULT_POLL_MS
    const count = await Promise.race([this.#reading, this.#waiter.wait(pollMs)])
    if (count === undefined) return 'idle'
    this.#reading = null
    this.#reader.filled(count)
    this.#ended = count === 0
    this.#reader.parse(this.#ended, batch)
    return 'rows'
  }

  close(): Promise<void> {
    this.#input?.close()
    // A read that is still waiting rejects when the stream is destroyed; nobody needs it any more.
    this.#reading?.catch(() => {})
    return Promise.resolve()
  }
}
