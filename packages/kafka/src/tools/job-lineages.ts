import {
  type Lineage,
  type LineageFile,
  type ListedLineage,
  type ListedStream,
  systemClock,
  TidemarkError,
} from 'tidemark/system'
import { readControl } from '../host/control-records.ts'
import { fenceTasks } from '../host/fence-tasks.ts'
import { firstLineage, homeOf, LINEAGES_KEY, lineagesIn, lineagesRecord } from '../host/kafka-lineages.ts'
import { controlTopic, isBetween, stateTopic, transactionalId } from '../host/topic-names.ts'
import type { Cluster } from '../net/cluster.ts'
import type { CommitRecord } from '../state/commit-record.ts'
import { StateBatches } from '../state/state-batches.ts'
import { StoreTable } from '../state/store-table.ts'
import { TransactionalProducer } from '../txn/transactional-producer.ts'
import { listTopics } from './list-topics.ts'
import { removeTopics } from './remove-topics.ts'
import { whoRuns } from './who-runs.ts'

const TIMEOUT_MS = 30_000

/** The lineages of a job, oldest first. ERR_USAGE when it has none. */
export async function listLineages(cluster: Cluster, job: string): Promise<ListedLineage[]> {
  const { file } = await lineagesOf(cluster, job)
  const topics = await listTopics(cluster)
  const all = file.older.map((lineage) => listed(job, lineage, 'older', topics))
  if (file.current !== null) all.push(listed(job, file.current, 'current', topics))
  if (file.pending !== null) all.push(listed(job, file.pending, 'pending', topics))
  return all.sort((a, b) => a.number - b.number)
}

async function lineagesOf(
  cluster: Cluster,
  job: string,
): Promise<{ readonly file: LineageFile; readonly record: CommitRecord | undefined }> {
  const record = (await readControl(cluster, systemClock, job)).get(LINEAGES_KEY)
  const written = lineagesIn(job, record)
  if (written !== null) return { file: written, record }
  const current = await firstLineage(cluster, job)
  if (current === null) {
    throw new TidemarkError('ERR_USAGE', `these brokers have no state of a job "${job}"`, { details: { job } })
  }
  return { file: { dataId: homeOf(cluster, job), current, pending: null, older: [] }, record }
}

function listed(
  job: string,
  { id, number, from, atMs }: Lineage,
  kind: ListedLineage['kind'],
  topics: readonly ListedStream[],
): ListedLineage {
  const of = { job, lineage: number }
  const state = topics.find(({ name }) => name === stateTopic(of))?.partitions ?? []
  const between = topics.filter(({ name }) => isBetween(of, name)).flatMap(({ partitions }) => partitions)
  return {
    number,
    id,
    kind,
    atMs: atMs === 0 ? null : atMs,
    from,
    tasks: state.length,
    stateBytes: state.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0),
    checkpoints: null,
    records: between.reduce((sum, { start, end }) => sum + (end ?? 0) - (start ?? 0), 0),
  }
}

/** See SystemTools. */
export async function dropLineages(cluster: Cluster, job: string, numbers: readonly number[]): Promise<void> {
  const runs = await whoRuns(cluster, job)
  if (runs !== null) throw new TidemarkError('ERR_JOB_RUNNING', `the job ${job} runs: ${runs}. End it first`)
  for (const number of numbers) {
    const { file, record } = await lineagesOf(cluster, job)
    if (!file.older.some((lineage) => lineage.number === number)) throw notOlder(job, number)
    const of = { job, lineage: number }
    const topics = (await cluster.metadata(null)).filter(({ name }) => name === stateTopic(of) || isBetween(of, name))
    const tasks = topics.find(({ name }) => name === stateTopic(of))?.partitions.length ?? 0
    await fenceTasks(cluster, of, tasks, null)
    await removeTopics(
      cluster,
      topics.map(({ name }) => name),
    )
    await writeLineages(cluster, job, record, {
      ...file,
      older: file.older.filter((lineage) => lineage.number !== number),
    })
  }
}

/** Says, where the job has lineages written down, that it has none: it begins with its first one again. */
export async function forgetLineages(cluster: Cluster, job: string): Promise<void> {
  const record = (await readControl(cluster, systemClock, job)).get(LINEAGES_KEY)
  if (lineagesIn(job, record) !== null) await writeLineages(cluster, job, record, null)
}

async function writeLineages(
  cluster: Cluster,
  job: string,
  before: CommitRecord | undefined,
  file: LineageFile | null,
): Promise<void> {
  const own = { topic: controlTopic(job), partition: 0 }
  const txn = new TransactionalProducer({
    cluster,
    transactionalId: transactionalId(job, LINEAGES_KEY),
    timeoutMs: TIMEOUT_MS,
    clock: systemClock,
  })
  try {
    await txn.init({ own, outputs: [] })
    const { id = 0, ownerEpoch = 0 } = before ?? {}
    const commit = { id: id + 1, ownerEpoch: ownerEpoch + 1, meta: '', checkpoint: lineagesRecord(file) }
    const key = new TextEncoder().encode(LINEAGES_KEY)
    const batches = StateBatches.of(new StoreTable([]), systemClock.now(), own.topic, null, commit, key)
    const outcome = await txn.commit([{ ...own, batches }], null)
    if (outcome.kind === 'committed') return
    if (outcome.kind !== 'fenced') throw outcome.error
    throw new TidemarkError('ERR_JOB_RUNNING', `the job ${job} starts from a savepoint just now`, { details: { job } })
  } finally {
    txn.close()
  }
}

function notOlder(job: string, number: number): TidemarkError {
  return new TidemarkError(
    'ERR_LINEAGE_IN_USE',
    `lineage ${number} of job ${job} is no older one: only what the job has left can be dropped (tidemark state lineages)`,
    { details: { lineage: number } },
  )
}
