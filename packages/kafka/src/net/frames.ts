import { TidemarkError } from 'tidemark/system'
import { AnswerMemory } from './answer-memory.ts'

const SIZE_BYTES = 4
/** Brokers refuse requests over 100 MiB, and we never ask for so much: a larger size is not a size. */
const MAX_FRAME_BYTES: number = 512 * 1024 * 1024

/**
 * Cuts a stream of bytes into answers (four bytes of size, then as many bytes). Each is gathered in memory of its own, every
 * byte copied once while the chunk is in the CPU's cache: chunks may be overwritten afterwards.
 */
export class Frames {
  readonly #onFrame: (frame: Buffer) => void
  readonly #memory: AnswerMemory
  readonly #head = Buffer.alloc(SIZE_BYTES)
  #headBytes = 0
  #body: Buffer | null = null
  #filled = 0

  constructor(onFrame: (frame: Buffer) => void, memory: AnswerMemory = new AnswerMemory()) {
    this.#onFrame = onFrame
    this.#memory = memory
  }

  /** Takes the next chunk. Throws ERR_KAFKA_PROTOCOL if the sizes make no sense. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#body !== null) {
        at = this.#fill(this.#body, chunk, at)
        continue
      }
      at = this.#readHead(chunk, at)
      if (this.#headBytes < SIZE_BYTES) return
      this.#headBytes = 0
      this.#begin(this.#head.readInt32BE(0))
    }
  }

  #readHead(chunk: Buffer, at: number): number {
    const count = Math.min(SIZE_BYTES - this.#headBytes, chunk.length - at)
    chunk.copy(this.#head, this.#headBytes, at, at + count)
    this.#headBytes += count
    return at + count
  }

  #begin(sizeBytes: number): void {
    if (sizeBytes < SIZE_BYTES || sizeBytes > MAX_FRAME_BYTES) {
      throw new TidemarkError(
        'ERR_KAFKA_PROTOCOL',
        `an answer of ${sizeBytes} bytes is none of a Kafka broker: perhaps the port is one for TLS, or of another program`,
        { details: { sizeBytes } },
      )
    }
    this.#body = this.#memory.allocate(sizeBytes)
    this.#filled = 0
  }

  #fill(body: Buffer, chunk: Buffer, at: number): number {
    const count = Math.min(body.length - this.#filled, chunk.length - at)
    chunk.copy(body, this.#filled, at, at + count)
    this.#filled += count
    if (this.#filled === body.length) {
      this.#body = null
      this.#onFrame(body)
    }
    return at + count
  }
}
