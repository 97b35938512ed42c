import type { MessagePort } from 'node:worker_threads'
import { nodeDisk } from '../../disk/node-disk.ts'
import type { CommitResult, LogPort, OffsetsView, StreamInfo, StreamReader, Transaction } from '../types.ts'
import { PartitionReader } from './partition-reader.ts'
import { SharedOffsets } from './shared-offsets.ts'
import type { PortMessage, PortReply } from './thread-messages.ts'

/** What a thread needs to reach the log thread: send it with `port` in the transfer list. */
export interface LogPortInit {
  readonly directory: string
  readonly port: MessagePort
  readonly shared: SharedArrayBuffer
  /** One 32-bit flag: an `advanced` message is under way. */
  readonly pending: SharedArrayBuffer
}

/**
 * A log port of a container: messages to the log thread, offsets in shared memory. Buffers that an array covers whole move
 * to the log thread (the array is empty afterwards); others are copied.
 */
export class ThreadLogPort implements LogPort {
  readonly directory: string
  readonly offsets: OffsetsView
  readonly #port: MessagePort
  readonly #pending: Int32Array
  readonly #waiting = new Map<number, (result: CommitResult) => void>()
  readonly #advanced: (() => void)[] = []
  readonly #flushWanted: ((producers: readonly string[]) => void)[] = []
  #number = 0

  constructor(init: LogPortInit) {
    this.directory = init.directory
    this.offsets = new SharedOffsets(init.shared)
    this.#port = init.port
    this.#pending = new Int32Array(init.pending)
    this.#port.on('message', (message: PortReply) => this.#onMessage(message))
  }

  /** Commits sent that have no result yet. */
  get inFlight(): number {
    return this.#waiting.size
  }

  /** The transaction's arrays belong to the log from here on. */
  commit(transaction: Transaction, done: (result: CommitResult) => void): void {
    const number = ++this.#number
    this.#waiting.set(number, done)
    const moved = new Set<ArrayBuffer>()
    const { producer, epoch, id } = transaction
    const appends = transaction.appends.map((append) => ({ ...append, bytes: movable(append.bytes, moved) }))
    const delta = transaction.delta === null ? null : movable(transaction.delta, moved)
    const checkpoint = movable(transaction.checkpoint, moved)
    this.#post({ kind: 'commit', number, transaction: { producer, epoch, id, appends, delta, checkpoint } }, [...moved])
  }

  flushed(producer: string, id: number): void {
    this.#post({ kind: 'flushed', producer, id }, [])
  }

  onAdvanced(listener: () => void): void {
    this.#advanced.push(listener)
  }

  onFlushWanted(listener: (producers: readonly string[]) => void): void {
    this.#flushWanted.push(listener)
  }

  reader(stream: StreamInfo, partition: number): StreamReader {
    const { directory, offsets } = this
    return new PartitionReader({ disk: nodeDisk, directory, stream, partition, offsets, verify: false })
  }

  /** Commits in flight get no result after this. Lets the thread end. */
  close(): void {
    this.#port.close()
  }

  #post(message: PortMessage, transfer: ArrayBuffer[]): void {
    this.#port.postMessage(message, transfer)
  }

  #onMessage(message: PortReply): void {
    switch (message.kind) {
      case 'results':
        for (const { number, result } of message.results) {
          const done = this.#waiting.get(number)
          this.#waiting.delete(number)
          done?.(result)
        }
        break
      case 'advanced':
        // First the flag, so that an end published while the listeners run brings another message.
        Atomics.store(this.#pending, 0, 0)
        for (const listener of this.#advanced) listener()
        break
      case 'flushWanted':
        for (const listener of this.#flushWanted) listener(message.producers)
        break
    }
  }
}

/** The array itself if its buffer can move (it is added to `moved`), else a copy whose buffer can. */
function movable(bytes: Uint8Array, moved: Set<ArrayBuffer>): Uint8Array {
  const { buffer } = bytes
  const whole = buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength && !moved.has(buffer)
  const own = whole ? bytes : bytes.slice()
  // Node's own pool must never move.
  const plain = own.constructor === Uint8Array ? own : new Uint8Array(own)
  moved.add(plain.buffer as ArrayBuffer)
  return plain
}
