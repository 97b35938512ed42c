import { invariant, SharedOffsets, type StreamInfo, type StreamLimits, type StreamSpec } from 'tidemark/system'
import type { StreamTopic } from './shared-plan.ts'
import { topicOf } from './topic-names.ts'

/** The streams of a job, with the numbers that the runtime knows them by: in this run only. */
export class StreamRegistry {
  readonly offsets: SharedOffsets = SharedOffsets.allocate()
  readonly #job: string
  readonly #streams: StreamTopic[] = []
  #slots = 0

  constructor(job: string) {
    this.#job = job
  }

  get all(): readonly StreamTopic[] {
    return this.#streams
  }

  byName(name: string): StreamTopic | undefined {
    return this.#streams.find(({ info }) => info.name === name)
  }

  byId(id: number): StreamTopic {
    const stream = this.#streams[id]
    invariant(stream !== undefined, `stream ${id} is known`)
    return stream
  }

  add(spec: StreamSpec): StreamTopic {
    const known = this.byName(spec.name)
    if (known !== undefined) return known
    const info: StreamInfo = { ...spec, id: this.#streams.length, slot: this.#slots }
    this.#slots += spec.partitions
    invariant(this.#slots <= this.offsets.slots, 'the shared offsets have a slot for every partition of the job')
    const stream = { info, topic: topicOf(this.#job, spec) }
    this.#streams.push(stream)
    return stream
  }

  /** What is known of a stream's limits from now on. */
  limit(name: string, limits: StreamLimits): StreamInfo {
    const at = this.#streams.findIndex(({ info }) => info.name === name)
    const known = this.byId(at)
    const info = { ...known.info, limits }
    this.#streams[at] = { ...known, info }
    return info
  }

  publish(stream: StreamInfo, partition: number, start: number, end: number): void {
    this.offsets.raiseStart(stream.slot + partition, start)
    this.offsets.raiseEnd(stream.slot + partition, end)
  }
}
