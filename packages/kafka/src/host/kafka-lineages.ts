import {
  isTidemarkError,
  type Lineage,
  type LineageFile,
  type Lineages,
  nodeDisk,
  readLineage,
  type SystemContext,
  systemClock,
  TidemarkError,
  writeLineage,
} from 'tidemark/system'
import type { Ownership } from '../cluster/ownership.ts'
import type { Cluster } from '../net/cluster.ts'
import { refusal } from '../net/kafka-errors.ts'
import { retrying } from '../net/retry.ts'
import type { CommitRecord } from '../state/commit-record.ts'
import type { TopicPartition } from '../wire/api.ts'
import type { Claims } from './claims.ts'
import { patience } from './connect-options.ts'
import { readControl } from './control-records.ts'
import { fenceTasks } from './fence-tasks.ts'
import { controlTopic, type JobTopics, stateTopic } from './topic-names.ts'

/** Under this key, beside the names of producers, the control topic has the lineages of the job. */
export const LINEAGES_KEY = 'lineages'
const UNKNOWN_TOPIC = 3

/** The lineages in a record of the control topic; null: none, the job has known only its first. ERR_STATE_CORRUPT. */
export function lineagesIn(job: string, record: CommitRecord | undefined): LineageFile | null {
  if (record === undefined || record.checkpoint.length === 0) return null
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(record.checkpoint)) as LineageFile
  } catch (cause) {
    const text = `the lineages in ${controlTopic(job)} cannot be read. Was something else written to it?`
    throw new TidemarkError('ERR_STATE_CORRUPT', text, { cause })
  }
}

export function lineagesRecord(file: LineageFile | null): Uint8Array {
  return file === null ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(file))
}

/** Where the streams of a job are: a savepoint knows by it whether it is at home, whatever the data directory. */
export function homeOf(cluster: Cluster, job: string): string {
  return `kafka/${cluster.clusterId ?? ''}/${job}`
}

/**
 * A job's lineages on Kafka: one record of its control topic, once the job has started from a savepoint. Before that it has
 * its first lineage, if there is a state topic of that: the data directory knows its id.
 */
export class KafkaLineages implements Lineages {
  readonly dataId: string
  readonly #cluster: Cluster
  readonly #context: SystemContext
  readonly #ownership: Ownership
  readonly #claims: Claims
  readonly #outputs: () => readonly TopicPartition[]

  constructor(options: {
    readonly cluster: Cluster
    readonly context: SystemContext
    readonly ownership: Ownership
    readonly claims: Claims
    /** What tasks may write to, beside the state topic. */
    readonly outputs: () => readonly TopicPartition[]
  }) {
    this.#cluster = options.cluster
    this.#context = options.context
    this.#ownership = options.ownership
    this.#claims = options.claims
    this.#outputs = options.outputs
    this.dataId = homeOf(options.cluster, options.context.job)
  }

  /** As readControl and lineagesIn. */
  async read(): Promise<LineageFile | null> {
    const { job } = this.#context
    const written = lineagesIn(job, (await readControl(this.#cluster, systemClock, job)).get(LINEAGES_KEY))
    if (written !== null) return written
    const first = await firstLineage(this.#cluster, job)
    if (first === null) return null
    return { dataId: this.dataId, current: this.#firstHere() ?? first, pending: null, older: [] }
  }

  /** The first lineage as the data directory has it: it may have been written for another state topic of the same name. */
  #firstHere(): LineageFile['current'] {
    try {
      const current = readLineage(nodeDisk, this.#context.directory)?.current ?? null
      return current?.number === 1 && current.from === null ? current : null
    } catch (error) {
      // A file of a cache: what it says is of no consequence.
      if (isTidemarkError(error, 'ERR_CHECKPOINT_CORRUPT')) return null
      throw error
    }
  }

  async write(file: LineageFile): Promise<void> {
    const { current, pending, older } = file
    const isFirst = current?.number === 1 && current.from === null && pending === null && older.length === 0
    if (isFirst) return writeLineage(nodeDisk, this.#context.directory, file)
    // Once more is the same again.
    await retrying(
      patience(this.#cluster, () => this.#ownership.isHeld),
      () => this.#claims.put(LINEAGES_KEY, lineagesRecord(file)),
    )
  }

  /** ERR_LEASE_LOST, and what the brokers refuse. */
  async fence(lineage: number): Promise<void> {
    const topics = { job: this.#context.job, lineage }
    const found = await findStateTopic(this.#cluster, topics)
    if (found === null) return
    this.#ownership.assertHeld()
    await fenceTasks(this.#cluster, topics, found.tasks, this.#outputs())
  }
}

/** The lineage of a job that has never started from a savepoint: there is no record of it. Null: it has not run either. */
export async function firstLineage(cluster: Cluster, job: string): Promise<Lineage | null> {
  try {
    const topic = await findStateTopic(cluster, { job, lineage: 1 })
    return topic === null ? null : { id: topic.id, number: 1, from: null, atMs: 0 }
  } catch (error) {
    // What may not be seen may not be claimed either, which is where it is told.
    if (isTidemarkError(error, 'ERR_KAFKA_DENIED')) return null
    throw error
  }
}

async function findStateTopic(
  cluster: Cluster,
  topics: JobTopics,
): Promise<{ readonly id: string; readonly tasks: number } | null> {
  const topic = stateTopic(topics)
  const [found] = await cluster.metadata([topic], true)
  const error = found?.error ?? UNKNOWN_TOPIC
  if (found === undefined || error === UNKNOWN_TOPIC) return null
  if (error !== 0) throw refusal(`looking for topic ${topic}`, error, null)
  return { id: found.id, tasks: found.partitions.length }
}
