import type { PartitionBatch } from '../api/system-tools.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import { type Place, placeBy } from '../hash/partitioners.ts'
import type { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import type { Append, ProducerState, StreamInfo } from '../log/types.ts'
import { serdeByName } from '../serde/by-name.ts'
import type { Serde } from '../serde/serde.ts'
import type { StreamSerdes } from './stream-meta.ts'

const PRODUCER = 'cli:streams-write'
const NO_BYTES = new Uint8Array(0)

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

/** A serde that can write, too: not one that stands in for the job's own. ERR_SERDE_UNKNOWN. */
export function writableSerde(name: string, stream: string): Serde<unknown> {
  try {
    return serdeByName(name)
  } catch (cause) {
    const message = `stream "${stream}" is written with the serde "${name}", which only its job knows`
    throw new TidemarkError('ERR_SERDE_UNKNOWN', `${message}; feed it through the job`, { cause, details: { stream } })
  }
}
