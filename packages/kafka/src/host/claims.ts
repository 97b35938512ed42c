import {
  invariant,
  isTidemarkError,
  parseTaskProducer,
  type ProducerState,
  type StoredDelta,
  type SystemContext,
  systemClock,
  TidemarkError,
} from 'tidemark/system'
import type { Ownership } from '../cluster/ownership.ts'
import type { Cluster } from '../net/cluster.ts'
import { COMMIT_KEY, type CommitRecord } from '../state/commit-record.ts'
import { StateBatches } from '../state/state-batches.ts'
import { StoreTable } from '../state/store-table.ts'
import type { Identity } from '../produce/stamp.ts'
import type { Written } from '../txn/take-over.ts'
import { TransactionalProducer } from '../txn/transactional-producer.ts'
import type { TopicPartition } from '../wire/api.ts'
import { identityCell, readIdentity } from './identity-cell.ts'
import { type Covered, CoveredFiles, judge } from './local-state.ts'
import { type PartitionOffsets, partitionOffsets } from './partition-offsets.ts'
import { readingPartition } from './partition-watch.ts'
import type { ProducerSession } from './shared-plan.ts'
import { readLast } from './read-last.ts'
import { type OffsetRange, readHistory, readLastCommit, type TaskHistory } from './state-partition.ts'
import { controlTopic, stateTopic, transactionalId } from './topic-names.ts'
import type { WatchedTopic } from './topic-watch.ts'
import { checkTopic, makeTopic, settledTopic } from './topics.ts'

export interface ClaimsOptions {
  readonly context: SystemContext
  readonly cluster: Cluster
  readonly ownership: Ownership
  /** Of topics that have to be made; -1: as the brokers have it. */
  readonly replicas: number
  /** Partitions of the streams that a producer of the job may write to. */
  readonly outputsOf: (producer: string) => readonly TopicPartition[]
}

/** Where the commits of a producer are. */
interface Place {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** Of the topic. */
  readonly partitions: number
  readonly deleteRetentionMs: number
}

interface Claimed {
  readonly state: ProducerState
  readonly session: ProducerSession
  deltas: readonly StoredDelta[]
}

const utf8 = new TextEncoder()
const DEFAULT_DELETE_RETENTION_MS = 86_400_000
/** From so much on, what files lack goes through no memory but a chunk's: the thread of the task loads it. */
const BULK_OFFSETS = 10_000
const TAIL_OFFSETS = 16

/**
 * Takes producers over: fences whoever had them, learns from the state topic where they stand, and writes the claim
 * (design/02, "Fencing"). What local state files have already is not read again.
 */
export class Claims {
  readonly #options: ClaimsOptions
  readonly #covered: CoveredFiles
  readonly #claimed = new Map<string, Claimed>()
  readonly #places = new Map<string, Place>()
  /** Of producers that this process has taken over: it never does so twice (design/02, "Fencing"). */
  readonly #identities = new Map<string, SharedArrayBuffer>()

  constructor(options: ClaimsOptions) {
    this.#options = options
    this.#covered = new CoveredFiles(options.context.directory)
  }

  get known(): ProducerState[] {
    return [...this.#claimed.values()].map(({ state }) => state)
  }

  /** It was claimed before, in this run. */
  isKnown(producer: string): boolean {
    return this.#claimed.has(producer)
  }

  /** Topics with commits that claims have come to. */
  get topics(): WatchedTopic[] {
    const control = controlTopic(this.#options.context.job)
    return [...this.#places.values()].map(({ topic, partitions }) => {
      return { topic, partitions, use: topic === control ? 'control' : 'state' }
    })
  }

  /** What was committed for a producer, without claiming it. */
  async look(producer: string): Promise<ProducerState | undefined> {
    return this.#claimed.get(producer)?.state
  }

  /** Once: they may be large. */
  takeDeltas(producer: string): readonly StoredDelta[] {
    const claimed = this.#claimed.get(producer)
    if (claimed === undefined) return []
    const { deltas } = claimed
    claimed.deltas = []
    return deltas
  }

  takeSession(producer: string): ProducerSession {
    const claimed = this.#claimed.get(producer)
    invariant(claimed !== undefined, `${producer} was claimed`)
    return claimed.session
  }

  /** ERR_FENCED: another owner is newer. ERR_KAFKA_TOPIC, ERR_STATE_CORRUPT, and what the brokers refuse. */
  async claim(producer: string, meta: string): Promise<ProducerState> {
    const { context } = this.#options
    const task = parseTaskProducer(producer)
    const place = task === null ? await this.#control() : await this.#state(task.lineage, task.task, meta)
    const id = transactionalId(context.job, producer)
    const own = { topic: place.topic, partition: place.partition }
    const txn = await this.#takeOver(producer, id, { own, outputs: this.#options.outputsOf(producer) })
    const bounds = task === null ? null : await this.#bounds(place)
    const local = task === null || bounds === null ? null : this.#local(task.lineage, task.task, place, bounds.start)
    const key = task === null ? utf8.encode(producer) : COMMIT_KEY
    // What the files of a task lack.
    const range = bounds === null ? null : { from: local?.offset ?? bounds.start, end: bounds.end }
    const inBulk = range !== null && range.end - range.from >= BULK_OFFSETS
    const history = range === null ? await this.#ofControl(place, key) : await this.#history(place, range, inBulk)
    // What is loaded in bulk and not to its end is begun again.
    if (inBulk && task !== null) this.#covered.forget(task.lineage, task.task)
    const last = history.last ?? NOTHING
    const ownerEpoch = last.ownerEpoch + 1
    const table = new StoreTable(last.stores)
    const commit = { ...last, ownerEpoch, meta }
    const offset = await this.#write(txn, place, table, commit, key)
    const state: ProducerState = {
      producer,
      epoch: ownerEpoch,
      id: last.id,
      checkpoint: last.checkpoint,
      meta,
      flushedId: local?.id ?? 0,
    }
    const identity = identityCell(txn.identity)
    this.#identities.set(producer, identity)
    txn.close()
    this.#claimed.set(producer, {
      state,
      deltas: history.deltas,
      session: {
        producer,
        transactionalId: id,
        identity,
        ownerEpoch,
        meta,
        topic: place.topic,
        partition: place.partition,
        key: task === null ? producer : null,
        stores: table.stores,
        task:
          task === null
            ? null
            : {
                index: task.task,
                lineage: task.lineage,
                topicId: place.topicId,
                committed: { id: last.id, offset, checkpoint: last.checkpoint },
                missing: inBulk ? range : null,
              },
      },
    })
    return state
  }

  /** Claims a producer of the control topic, and commits a record of it, both at once. As `claim`. */
  async put(producer: string, checkpoint: Uint8Array): Promise<void> {
    const place = await this.#control()
    const own = { topic: place.topic, partition: place.partition }
    const id = transactionalId(this.#options.context.job, producer)
    const txn = await this.#takeOver(producer, id, { own, outputs: [] })
    try {
      const key = utf8.encode(producer)
      const { last } = await this.#ofControl(place, key)
      const before = last ?? NOTHING
      const record = { ...before, id: before.id + 1, ownerEpoch: before.ownerEpoch + 1, checkpoint }
      await this.#write(txn, place, new StoreTable([]), record, key)
      this.#identities.set(producer, identityCell(txn.identity))
    } finally {
      txn.close()
    }
  }

  /**
   * The first time whoever had the producer is fenced. Later this process asks as the owner that it is: if it is not any
   * more, it must not fence the one that is. ERR_LEASE_LOST, ERR_FENCED.
   */
  async #takeOver(producer: string, id: string, place: Written): Promise<TransactionalProducer> {
    const known = this.#identities.get(producer)
    if (known !== undefined) {
      const txn = this.#producer(id, readIdentity(known))
      try {
        if ((await txn.goOn(place)) === 'owner') return txn
      } catch (error) {
        // Nobody has it: the coordinator has forgotten an id that was not used for long (transactional.id.expiration.ms).
        if (!(isTidemarkError(error) && error.details['kafka'] === 'INVALID_PRODUCER_ID_MAPPING')) throw error
        this.#identities.delete(producer)
        return this.#takeOver(producer, id, place)
      }
      throw new TidemarkError('ERR_FENCED', `another process has taken ${producer} over`)
    }
    const txn = this.#producer(id, null)
    this.#options.ownership.assertHeld()
    this.#identities.set(producer, identityCell(await txn.init(place)))
    return txn
  }

  #producer(id: string, inherit: Identity | null): TransactionalProducer {
    const { cluster, context } = this.#options
    return new TransactionalProducer({
      cluster,
      transactionalId: id,
      timeoutMs: context.commitTimeoutMs,
      clock: systemClock,
      ...(inherit === null ? {} : { inherit }),
    })
  }

  async #write(
    txn: TransactionalProducer,
    place: Place,
    table: StoreTable,
    commit: Omit<CommitRecord, 'stores'>,
    key: Uint8Array,
  ): Promise<number> {
    const batches = StateBatches.of(table, systemClock.now(), place.topic, null, commit, key)
    const outcome = await txn.commit([{ topic: place.topic, partition: place.partition, batches }], null)
    if (outcome.kind === 'committed') return (outcome.ends[0] as number) - 1
    if (outcome.kind === 'fenced') throw claimedByAnother(place)
    throw outcome.error
  }

  /** What of the task's local files may be used; the rest is removed, and said so. */
  #local(lineage: number, task: number, place: Place, startOffset: number): Covered | null {
    const { context } = this.#options
    const hasFiles = this.#covered.hasFiles(context.directory, lineage, task)
    const verdict = judge(this.#covered.read(lineage, task), hasFiles, {
      topicId: place.topicId,
      startOffset,
      deleteRetentionMs: place.deleteRetentionMs,
      nowMs: systemClock.now(),
    })
    if (verdict.from !== null) return verdict.from
    if (verdict.wiped !== null) {
      context.onWarning(`task ${task} is restored from ${place.topic}: ${verdict.wiped}. Its local files are removed.`)
    }
    this.#covered.wipe(context.directory, lineage, task)
    return null
  }

  async #bounds({ topic, partition }: Place): Promise<PartitionOffsets> {
    const sleep = (ms: number): Promise<void> => systemClock.sleep(ms)
    const [bounds] = await partitionOffsets(this.#options.cluster, [{ topic, partition }], sleep)
    invariant(bounds !== undefined, 'the partition has offsets')
    return bounds
  }

  /** Of a task: the commits of a range, or only the last of them, which is at its very end. Nobody else writes there. */
  async #history(place: Place, range: OffsetRange, onlyLast: boolean): Promise<TaskHistory> {
    const where = `${place.topic}, partition ${place.partition}`
    return readingPartition(this.#options.cluster, place, async (source) => {
      if (!onlyLast) return readHistory(where, source, range)
      for (let back = TAIL_OFFSETS; ; back *= 8) {
        const from = Math.max(range.from, range.end - back)
        const last = await readLastCommit(where, source, { from, end: range.end }, COMMIT_KEY)
        if (last !== null || from === range.from) return { last: last?.record ?? null, deltas: [] }
      }
    })
  }

  async #ofControl(place: Place, key: Uint8Array): Promise<TaskHistory> {
    const last = await readLast(this.#options.cluster, systemClock, place, key, null)
    return { last: last?.record ?? null, deltas: [] }
  }

  async #control(): Promise<Place> {
    return this.#place(controlTopic(this.#options.context.job), 1, 0)
  }

  #state(lineage: number, task: number, meta: string): Promise<Place> {
    const { tasks } = JSON.parse(meta) as { readonly tasks: number }
    return this.#place(stateTopic({ job: this.#options.context.job, lineage }), tasks, task)
  }

  /** The topic is made or checked once. */
  async #place(topic: string, partitions: number, partition: number): Promise<Place> {
    const { cluster, context, replicas } = this.#options
    const known = this.#places.get(topic)
    if (known !== undefined) return { ...known, partition }
    await makeTopic(cluster, topic, partitions, 'state', { retentionMs: null, replicas })
    const there = await settledTopic(cluster, topic)
    const configs = (await checkTopic(cluster, topic, 'state', context.maxValueBytes)) ?? {}
    if (there.partitions.length !== partitions) {
      throw new TidemarkError(
        'ERR_KAFKA_TOPIC',
        `topic ${topic} has ${there.partitions.length} partitions, and the job has ${partitions} tasks: the number of tasks ` +
          'of a job with state is fixed at its first start. Go back to it, or rescale',
      )
    }
    const deleteRetentionMs = Number(configs['delete.retention.ms'] ?? DEFAULT_DELETE_RETENTION_MS)
    const place = { topic, topicId: there.id, partition, partitions, deleteRetentionMs }
    this.#places.set(topic, place)
    return place
  }
}

function claimedByAnother({ topic, partition }: Place): TidemarkError {
  const text = `${topic}, partition ${partition}, was claimed by another process while this one claimed it`
  return new TidemarkError('ERR_FENCED', text)
}

const NOTHING: CommitRecord = {
  id: 0,
  ownerEpoch: 0,
  stores: [],
  meta: '',
  checkpoint: new Uint8Array(0),
}
