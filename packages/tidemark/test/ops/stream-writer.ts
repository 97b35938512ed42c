import type { Clock } from '../../src/clock/clock.ts'
import type { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts'
import type { StreamInfo } from '../../src/log/types.ts'
import { RecordPacker, type WriteRecord } from '../../src/ops/record-packer.ts'
import { streamSerdes } from '../../src/ops/stream-meta.ts'
import { LogAppender, placeInStream, writableSerde } from '../../src/ops/write-stream.ts'

/** Writes to a stream of an embedded log with the parts of `tidemark streams write`: each `commit` is one transaction. */
export class StreamWriter {
  readonly #packer: RecordPacker
  readonly #appender: LogAppender

  constructor(log: EmbeddedLog, stream: StreamInfo, clock: Clock) {
    const { key, value, partitioner } = streamSerdes(stream)
    const serdes = { key: writableSerde(key.name, stream.name), value: writableSerde(value.name, stream.name) }
    const place = placeInStream(partitioner, stream.name)
    this.#packer = new RecordPacker({ stream: stream.name, partitions: stream.partitions, serdes, place, clock })
    this.#appender = new LogAppender(log, stream)
  }

  /** Records added since the last commit. */
  get waiting(): number {
    return this.#packer.waiting
  }

  add(record: WriteRecord): void {
    this.#packer.add(record)
  }

  /** Makes what was added durable and visible, all or nothing. */
  commit(): void {
    this.#appender.append(this.#packer.take())
  }
}
