import type { PartitionBatch } from '../api/system-tools.ts'
import type { Clock } from '../clock/clock.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import { type Place, placeBy } from '../hash/partitioners.ts'
import type { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import type { Append, ProducerState, StreamInfo } from '../log/types.ts'
import { serdeByName } from '../serde/by-name.ts'
import type { Serde } from '../serde/serde.ts'
import { RecordPacker, type WriteRecord } from './record-packer.ts'
import { streamSerdes, type StreamSerdes } from './stream-meta.ts'

const PRODUCER = 'cli:streams-write'
const NO_BYTES = new Uint8Array(0)

/**
 * Appends records to a stream of an embedded log that this process has open: each `commit` is one transaction. The key's
 * hash chooses the partition. ERR_SERDE for a value that the stream's serde does not take; ERR_SERDE_UNKNOWN for a
 * stream of a user's own serde; what the log fails with.
 */
export class StreamWriter {
  readonly #packer: RecordPacker
  readonly #appender: LogAppender

  constructor(log: EmbeddedLog, stream: StreamInfo, clock: Clock) {
    const serdes = writableSerdes(stream)
    const place = placeInStream(serdes.partitioner, stream.name)
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

/** Appends batches to a stream of an embedded log that this process has open: each call is one transaction. */
export class LogAppender {
  readonly #log: EmbeddedLog
  readonly #stream: StreamInfo
  readonly #producer: ProducerState
  #id: number

  constructor(log: EmbeddedLog, stream: StreamInfo) {
    this.#log = log
    this.#stream = stream
    this.#producer = log.claim(PRODUCER, JSON.stringify({ by: 'tidemark streams write' }))
    this.#id = this.#producer.id
  }

  append(batches: readonly PartitionBatch[]): void {
    if (batches.length === 0) return
    const appends = batches.map(({ partition, bytes }): Append => ({ stream: this.#stream.id, partition, bytes }))
    const { producer, epoch } = this.#producer
    const id = this.#id + 1
    const results = this.#log.commit([{ producer, epoch, id, appends, delta: null, checkpoint: NO_BYTES }])
    const outcome = results[0]
    if (outcome?.outcome !== 'committed') {
      if (outcome?.error) throw fromWireError(outcome.error)
      throw new TidemarkError('ERR_FENCED', `another process writes to stream "${this.#stream.name}" as ${PRODUCER}`)
    }
    this.#id = id
  }
}

/** Keys go where the job would put them. ERR_SERDE_UNKNOWN where only the job knows. */
export function placeInStream(partitioner: StreamSerdes['partitioner'], stream: string): Place {
  if (partitioner !== 'function') return placeBy(partitioner, stream)
  const text = `stream "${stream}" has a function as its partitioner, which only its job knows; feed it through the job`
  throw new TidemarkError('ERR_SERDE_UNKNOWN', text, { details: { stream } })
}

/** The serdes of a stream, by which values are written too. ERR_SERDE_UNKNOWN for those that only the job knows. */
export function writableSerdes(stream: StreamInfo): StreamSerdes {
  const { key, value, partitioner } = streamSerdes(stream)
  return { partitioner, key: writableSerde(key.name, stream.name), value: writableSerde(value.name, stream.name) }
}

/** A serde that can write, too: not one that stands in for the job's own. ERR_SERDE_UNKNOWN. */
export function writableSerde(name: string, stream: string): Serde<unknown> {
  try {
    return serdeByName(name)
  } catch (cause) {
    const message = `stream "${stream}" is written with the serde "${name}", which only its job knows`
    throw new TidemarkError('ERR_SERDE_UNKNOWN', `${message}; feed it through the job`, { cause, details: { stream } })
  }
}
