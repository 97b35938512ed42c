import type { Disk } from '../disk/disk.ts'
import type { SystemHost } from '../log/types.ts'
import { type FrameKind, readFramed, writeFramed } from './framed-file.ts'

/**
 * One unbroken history of a job's state (design/02). The first of a data directory has number 1 and plain names; each
 * start from a savepoint in the same directory makes the next, with names of its own for producers, state directories and
 * intermediate streams. So nothing of an older one is touched, and one write makes the new one current.
 */
export interface Lineage {
  /** Unique among all data directories. */
  readonly id: string
  /** Within this data directory. */
  readonly number: number
  /** The savepoint that it started from; null for a beginning without one. */
  readonly from: LineageOrigin | null
  /** When it began, ms since 1970. */
  readonly atMs: number
  /**
   * Since a start from a savepoint that was rescaled where the job had run: its state has another number of partitions than
   * the streams it reads, and repartitions are between them.
   */
  readonly keyed?: KeyedPartitions | undefined
}

export interface KeyedPartitions {
  /** Of the widest streams, and of the state that goes by their keys. */
  readonly before: number
  readonly after: number
}

export interface LineageOrigin {
  readonly savepoint: string
  readonly lineage: string
}

/** The lineages of a data directory. */
export interface LineageFile {
  /** Names the data directory itself: a savepoint knows by it whether it is at home. */
  readonly dataId: string
  /** Null while the directory's first start, from a savepoint, is not complete. */
  readonly current: Lineage | null
  /** A start from a savepoint that is under way, or was cut off. */
  readonly pending: Lineage | null
  readonly older: readonly Lineage[]
}

const KIND: FrameKind = { kind: 'lineage', version: 1 }
const NAME = 'lineage'

/** Null when the data directory has none yet. ERR_CHECKPOINT_CORRUPT, ERR_FORMAT_NEWER. */
export function readLineage(disk: Disk, dataDir: string): LineageFile | null {
  return readFramed(disk, KIND, `${dataDir}/${NAME}`) as LineageFile | null
}

/** Atomic and durable. */
export function writeLineage(disk: Disk, dataDir: string, file: LineageFile): void {
  writeFramed(disk, KIND, dataDir, NAME, file)
}

/** Where the lineages of a job are written down: its data directory, or a system whose streams are not in there. */
export interface Lineages {
  /** Null when the job has none yet. */
  read(): Promise<LineageFile | null>
  /** Atomic and durable. */
  write(file: LineageFile): Promise<void>
  /** Of a system: where the job's streams are, whatever the data directory. They may hold records that no run has seen. */
  readonly dataId?: string
  /** Of a system: whoever still runs tasks of this lineage commits nothing more. */
  fence?(lineage: number): Promise<void>
}

/** A system that keeps the lineages of its job itself, since data directories come and go. */
export interface LineageKeeper {
  readonly lineages: Lineages
}

/** Where the lineages of a run's job are. */
export function lineagesOf(host: SystemHost, disk: Disk): Lineages {
  return keepsLineages(host) ? host.lineages : directoryLineages(disk, host.directory)
}

function keepsLineages(host: SystemHost): host is SystemHost & LineageKeeper {
  return 'lineages' in host
}

function directoryLineages(disk: Disk, dataDir: string): Lineages {
  return {
    read: async () => readLineage(disk, dataDir),
    write: async (file) => writeLineage(disk, dataDir, file),
  }
}

/** The number of the current lineage: 1 in a data directory that knows nothing of lineages. */
export function lineageNumber(file: LineageFile | null): number {
  return file?.current?.number ?? 1
}

/** A task's directory below `state`. */
export function taskStateName(lineage: number, task: number): string {
  return lineage === 1 ? String(task) : `lineage-${lineage}/${task}`
}

/** A task's producer in the log. Names of jobs have no `@`. */
export function taskProducer(job: string, lineage: number, task: number): string {
  return lineage === 1 ? `task:${job}/${task}` : `task:${job}@${lineage}/${task}`
}

const TASK_PRODUCER = /^task:([^@]+)(?:@(\d+))?\/(\d+)$/

export interface TaskProducerName {
  readonly job: string
  readonly lineage: number
  readonly task: number
}

/** What a task's producer is called for; null for a producer that is no task. */
export function parseTaskProducer(producer: string): TaskProducerName | null {
  const match = TASK_PRODUCER.exec(producer)
  if (match === null) return null
  return { job: match[1] as string, lineage: Number(match[2] ?? 1), task: Number(match[3]) }
}

/** The name that an intermediate stream of the plan has in a lineage. */
export function lineageStream(name: string, lineage: number): string {
  return lineage === 1 ? name : `${name}@${lineage}`
}

/** The plan's name of an intermediate stream, whatever the lineage. */
export function plannedStream(name: string): string {
  return name.replace(/@\d+$/, '')
}
