import type { Socket } from 'node:net'

/** What is asked when a chunk comes. */
export interface PipeShape {
  delayMs(): number
  bytesPerSecond(): number
  passed(bytes: number): void
  /** The pipe has passed as many bytes as it lives for. */
  spent(pipe: Pipe): void
}

/** Bytes that are held back before the source is paused. */
const HELD_LIMIT = 1 << 20
const END = null

/** One direction of a connection: what comes from one socket goes to the other, in order, when its time has come. */
export class Pipe {
  /** Bytes that it still passes on; the chunk that exceeds them is cut in the middle. */
  remaining: number = Number.POSITIVE_INFINITY
  /** Takes and loses what comes. */
  dead = false
  readonly #from: Socket
  readonly #to: Socket
  readonly #shape: PipeShape
  readonly #queue: { readonly chunk: Buffer | typeof END; readonly dueMs: number }[] = []
  #held = 0
  /** When the chunk before has gone through. */
  #freeAtMs = 0
  #timer: NodeJS.Timeout | null = null

  constructor(from: Socket, to: Socket, shape: PipeShape) {
    this.#from = from
    this.#to = to
    this.#shape = shape
    from.on('data', (chunk: Buffer) => this.#take(chunk))
    from.once('end', () => this.#take(END))
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#queue.length = 0
    this.dead = true
  }

  #take(chunk: Buffer | typeof END): void {
    if (this.dead) return
    const now = performance.now()
    const size = chunk === END ? 0 : chunk.length
    const passedMs = (size * 1000) / this.#shape.bytesPerSecond()
    const dueMs = Math.max(this.#freeAtMs, now + this.#shape.delayMs()) + passedMs
    this.#freeAtMs = dueMs
    this.#held += size
    this.#queue.push({ chunk, dueMs })
    if (this.#held > HELD_LIMIT) this.#from.pause()
    if (this.#timer === null) this.#pump()
  }

  /** Passes on what is due; a timer waits for the rest. */
  #pump(): void {
    this.#timer = null
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs)
        return
      }
      this.#queue.shift()
      this.#pass(next.chunk)
      if (this.dead) return
    }
    if (this.#held <= HELD_LIMIT) this.#from.resume()
  }

  #pass(chunk: Buffer | typeof END): void {
    if (chunk === END) {
      this.#to.end()
      return
    }
    this.#held -= chunk.length
    const bytes = Math.min(chunk.length, Math.floor(this.remaining))
    this.remaining -= bytes
    this.#shape.passed(bytes)
    this.#to.write(chunk.subarray(0, bytes))
    if (bytes < chunk.length) this.#shape.spent(this)
  }
}
