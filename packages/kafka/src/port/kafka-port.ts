import {
  type Append,
  batchHeader,
  type Clock,
  type CommitResult,
  decodeCheckpoint,
  type LogPort,
  type OffsetsView,
  SharedOffsets,
  type StateLoader,
  type StateSource,
  type StreamInfo,
  type StreamReader,
  TidemarkError,
  toWireError,
  type Transaction,
} from 'tidemark/system'
import { Fetcher } from '../fetch/fetcher.ts'
import { CoveredFiles } from '../host/local-state.ts'
import type { PortData, StreamTopic } from '../host/shared-plan.ts'
import type { Cluster } from '../net/cluster.ts'
import { CommitSession, type Part } from './commit-session.ts'
import { EarlyProducer } from './early-outputs.ts'

/** A port of one thread: reads partitions and commits for the producers that it was given, over connections of its own. */
export class KafkaPort implements LogPort, StateSource {
  readonly directory: string
  readonly offsets: OffsetsView
  readonly #cluster: Cluster
  readonly #shared: SharedOffsets
  readonly #streams: readonly StreamTopic[]
  readonly #held: Int32Array
  readonly #sessions = new Map<string, CommitSession>()
  readonly #fetcher: Fetcher
  readonly #advanced: (() => void)[] = []
  /** Under delivery `at-least-once` alone. */
  readonly send?: (producer: string, appends: readonly Append[]) => void
  #closed = false

  constructor(plan: PortData, cluster: Cluster, clock: Clock) {
    this.directory = plan.directory
    this.#cluster = cluster
    this.#shared = new SharedOffsets(plan.shared)
    this.offsets = this.#shared
    this.#streams = plan.streams
    this.#held = new Int32Array(plan.held)
    const covered = new CoveredFiles(plan.directory)
    const { compression: codec = 'none' } = plan.options
    const early = new EarlyProducer({ cluster, clock, timeoutMs: Math.ceil(plan.commitTimeoutMs / 2), codec })
    for (const session of plan.sessions) {
      this.#sessions.set(session.producer, new CommitSession({ session, cluster, clock, covered, plan, early }))
    }
    if (plan.sendsEarly) {
      // Without the right to run the job nothing is sent: the commit that it belongs to fails.
      this.send = (producer, appends) => {
        if (Atomics.load(this.#held, 0) !== 0) this.#sessions.get(producer)?.send(this.#parts(appends))
      }
    }
    this.#fetcher = new Fetcher({
      cluster,
      readCommitted: true,
      outOfRange: plan.options.offsetReset ?? 'earliest',
      onOffsets: (topic, partition, start, end) => this.#learned(topic, partition, start, end),
      onData: () => this.#wake(),
      onFailed: () => this.#wake(),
    })
  }

  commit(transaction: Transaction, done: (result: CommitResult) => void): void {
    void this.#answer(transaction, done)
  }

  async #answer(transaction: Transaction, done: (result: CommitResult) => void): Promise<void> {
    const result = await this.#commit(transaction)
    if (!this.#closed) done(result)
  }

  async #commit(transaction: Transaction): Promise<CommitResult> {
    const { producer, id } = transaction
    try {
      const session = this.#sessions.get(producer)
      if (session === undefined) throw new TidemarkError('ERR_INVARIANT', `${producer} was not given to this thread`)
      if (Atomics.load(this.#held, 0) === 0) throw leaseLost(producer)
      const parts = this.#parts(transaction.appends)
      const outcome = await session.commit(transaction, parts, this.#positions(transaction))
      if (outcome.kind === 'fenced') return { producer, id, outcome: 'fenced', error: null }
      // Whoever reads these streams is not through before it has come there.
      for (const [i, { info, partition }] of parts.entries()) {
        const end = outcome.ends[i]
        if (end !== undefined) this.#shared.raiseEnd(info.slot + partition, end)
      }
      if (transaction.appends.length > 0) this.#wake()
      return { producer, id, outcome: 'committed', error: null }
    } catch (error) {
      return { producer, id, outcome: 'failed', error: toWireError(error) }
    }
  }

  /** What goes to each partition; an append may hold several batches. */
  #parts(appends: readonly Append[]): (Part & { readonly info: StreamInfo })[] {
    const parts: (Part & { readonly info: StreamInfo; readonly batches: Uint8Array[] })[] = []
    for (const { stream, partition, bytes } of appends) {
      const { info, topic } = this.#streams[stream] as StreamTopic
      let part = parts.find((each) => each.topic === topic && each.partition === partition)
      if (part === undefined) {
        part = { info, topic, partition, batches: [] }
        parts.push(part)
      }
      part.batches.push(...splitBatches(bytes))
    }
    return parts
  }

  /** For lag monitors: where the task's inputs stand. What it goes on from is in the checkpoint. */
  #positions({ producer, checkpoint }: Transaction): { topic: string; partition: number; offset: number }[] {
    const task = this.#sessions.get(producer)?.task ?? null
    if (task === null) return []
    const { inputs } = decodeCheckpoint(checkpoint, producer)
    return Object.entries(inputs).flatMap(([name, { position }]) => {
      const stream = this.#streams.find(({ info }) => info.name === name)
      return stream?.info.kind === 'user' ? [{ topic: stream.topic, partition: task.index, offset: position }] : []
    })
  }

  async restoreState(producer: string, loader: StateLoader): Promise<void> {
    await this.#sessions.get(producer)?.restore(loader)
  }

  flushed(producer: string, id: number): void {
    this.#sessions.get(producer)?.flushed(id)
  }

  onAdvanced(listener: () => void): void {
    this.#advanced.push(listener)
  }

  /** Nothing here has to be reclaimed. */
  onFlushWanted(): void {}

  reader(stream: StreamInfo, partition: number): StreamReader {
    const { topic } = this.#streams[stream.id] as StreamTopic
    // Between steps records go only when they are committed: what is not there was lost.
    return this.#fetcher.reader(topic, partition, ...(stream.kind === 'user' ? [] : (['fail'] as const)))
  }

  close(): void {
    this.#closed = true
    for (const session of this.#sessions.values()) session.close()
    this.#fetcher.close()
    this.#cluster.close()
  }

  #learned(topic: string, partition: number, start: number, end: number): void {
    const info = this.#streams.find((each) => each.topic === topic)?.info
    if (info === undefined) return
    this.#shared.raiseStart(info.slot + partition, start)
    this.#shared.raiseEnd(info.slot + partition, end)
  }

  #wake(): void {
    for (const listener of this.#advanced) listener()
  }
}

function leaseLost(producer: string): TidemarkError {
  return new TidemarkError(
    'ERR_LEASE_LOST',
    `${producer} commits no more: its process has lost the right to run the job, and another may have it`,
  )
}

function splitBatches(bytes: Uint8Array): Uint8Array[] {
  const batches: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = batchHeader.batchSizeBytes(bytes, at)
    batches.push(bytes.subarray(at, at + size))
    at += size
  }
  return batches
}
