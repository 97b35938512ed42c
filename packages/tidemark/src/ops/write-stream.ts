import type { Clock } from '../clock/clock.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import { type Place, placeBy } from '../hash/partitioners.ts'
import { BatchEncoder } from '../log/batch-encoder.ts'
import type { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import type { Append, ProducerState, StreamInfo } from '../log/types.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { serdeByName } from '../serde/by-name.ts'
import type { Serde } from '../serde/serde.ts'
import { type StreamSerdes, streamSerdes } from './stream-meta.ts'

/** A record to write; a null key goes to the partitions in turn. */
export interface WriteRecord {
  readonly key: unknown
  readonly value: unknown
  /** Ms since 1970; null for now. */
  readonly timestamp: number | null
}

const PRODUCER = 'cli:streams-write'
const NO_BYTES = new Uint8Array(0)

/**
 * Appends records to a stream of an embedded log that this process has open: each `commit` is one transaction. The key's
 * hash chooses the partition. ERR_SERDE for a value that the stream's serde does not take; ERR_SERDE_UNKNOWN for a
 * stream of a user's own serde; what the log fails with.
 */
export class StreamWriter {
  readonly stream: StreamInfo
  readonly #log: EmbeddedLog
  readonly #clock: Clock
  readonly #key: Serde<unknown>
  readonly #value: Serde<unknown>
  readonly #place: Place
  readonly #writer = new ByteWriter(1024)
  readonly #batches = new Map<number, BatchEncoder>()
  #producer: ProducerState
  #id: number
  #turn = 0
  #waiting = 0

  constructor(log: EmbeddedLog, stream: StreamInfo, clock: Clock) {
    this.stream = stream
    this.#log = log
    this.#clock = clock
    const serdes = streamSerdes(stream)
    this.#key = known(serdes.key, stream)
    this.#value = known(serdes.value, stream)
    this.#place = placeOf(serdes, stream)
    this.#producer = log.claim(PRODUCER, JSON.stringify({ by: 'tidemark streams write' }))
    this.#id = this.#producer.id
  }

  /** Records added since the last commit. */
  get waiting(): number {
    return this.#waiting
  }

  add(record: WriteRecord): void {
    const writer = this.#writer
    writer.reset()
    const hasKey = record.key !== null && record.key !== undefined
    if (hasKey) this.#key.write(record.key, writer)
    const keyEnd = writer.position
    const hasValue = record.value !== null && record.value !== undefined
    if (hasValue) this.#value.write(record.value, writer)
    const partition = hasKey
      ? this.#place(writer.bytes, 0, keyEnd, this.stream.partitions)
      : this.#turn++ % this.stream.partitions
    const batch = this.#batches.get(partition) ?? new BatchEncoder()
    this.#batches.set(partition, batch)
    const { bytes } = writer
    const timestamp = record.timestamp ?? this.#clock.now()
    batch.append(timestamp, hasKey ? bytes : null, 0, keyEnd, hasValue ? bytes : null, keyEnd, writer.position, null)
    this.#waiting++
  }

  /** Makes what was added durable and visible, all or nothing. */
  commit(): void {
    if (this.#waiting === 0) return
    const appends: Append[] = []
    for (const [partition, batch] of this.#batches) {
      if (batch.count > 0) appends.push({ stream: this.stream.id, partition, bytes: batch.finish() })
    }
    const { producer, epoch } = this.#producer
    const id = this.#id + 1
    const results = this.#log.commit([{ producer, epoch, id, appends, delta: null, checkpoint: NO_BYTES }])
    const outcome = results[0]
    if (outcome?.outcome !== 'committed') {
      if (outcome?.error) throw fromWireError(outcome.error)
      throw new TidemarkError('ERR_FENCED', `another process writes to stream "${this.stream.name}" as ${PRODUCER}`)
    }
    this.#id = id
    this.#waiting = 0
    for (const batch of this.#batches.values()) batch.reset()
  }
}

/** Keys go where the job would put them. */
function placeOf({ partitioner }: StreamSerdes, stream: StreamInfo): Place {
  if (partitioner !== 'function') return placeBy(partitioner, stream.name)
  const text = `stream "${stream.name}" has a function as its partitioner, which only its job knows; feed it through the job`
  throw new TidemarkError('ERR_SERDE_UNKNOWN', text, { details: { stream: stream.name } })
}

/** A serde that can write, too: not one that stands in for the job's own. */
function known(serde: Serde<unknown>, stream: StreamInfo): Serde<unknown> {
  try {
    return serdeByName(serde.name)
  } catch (cause) {
    const message = `stream "${stream.name}" is written with the serde "${serde.name}", which only its job knows`
    throw new TidemarkError('ERR_SERDE_UNKNOWN', `${message}; feed it through the job`, {
      cause,
      details: { stream: stream.name },
    })
  }
}
