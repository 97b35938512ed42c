import type { StreamDef } from '../api/stream.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import type { LogPort, StreamInfo, StreamReader } from '../log/types.ts'
import { type HeaderList, MessageView, type Origin } from './message.ts'

const READ_BYTES = 256 * 1024

/** Reads the committed messages of one partition from outside a job. */
export class MessageReader {
  readonly #reader: StreamReader
  readonly #cursor = new RecordCursor()
  readonly #origin: Origin
  #position: number
  #loaded = false

  constructor(options: {
    readonly port: Pick<LogPort, 'offsets' | 'reader'>
    readonly stream: StreamDef<unknown, unknown>
    readonly info: StreamInfo
    readonly partition: number
  }) {
    const { port, stream, info, partition } = options
    this.#origin = { stream: stream.name, partition, key: stream.key, value: stream.value, onKey: null }
    this.#reader = port.reader(info, partition)
    this.#position = port.offsets.start(info.slot + partition)
    this.#reader.seek(this.#position)
  }

  /** The next message, or null at the end of what is committed now. */
  next(): MessageView | null {
    const cursor = this.#cursor
    for (;;) {
      if (this.#loaded && cursor.next()) {
        if (cursor.offset < this.#position) continue
        this.#position = cursor.offset + 1
        return this.#message(cursor)
      }
      if (this.#loaded && cursor.nextBatch()) continue
      const read = this.#reader.read(READ_BYTES)
      if (read === null) return null
      cursor.reset(read.bytes)
      this.#loaded = cursor.nextBatch()
    }
  }

  #message(cursor: RecordCursor): MessageView {
    const headers: HeaderList | null = cursor.headerCount === 0 ? null : cursor.headers()
    return new MessageView(
      this.#origin,
      cursor.offset,
      cursor.timestamp,
      cursor.bytes,
      cursor.keyStart,
      cursor.keyEnd,
      cursor.valueStart,
      cursor.valueEnd,
      headers === null ? null : () => headers,
    )
  }

  close(): void {
    this.#reader.close()
  }
}
