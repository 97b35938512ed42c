import type { Clock } from '../clock/clock.ts'
import { SteadyClock } from '../clock/steady-clock.ts'
import type { Disk } from '../disk/disk.ts'
import type { TopologyNode } from '../dsl/topology.ts'
import { openTaskBase } from '../engines/open-task-base.ts'
import { clockOf, decodeCheckpoint, latestOf } from '../checkpoint/record.ts'
import { keeperOf, Retainer } from '../checkpoint/retainer.ts'
import type { Base } from '../store/types.ts'
import type { Compactor } from '../lsm/compaction.ts'
import type { BlockCache } from '../lsm/block-cache.ts'
import type { LogPort, StreamInfo } from '../log/types.ts'
import type { CacheBudget } from '../store/cache-budget.ts'
import { openTaskState } from '../store/open.ts'
import { seededRandom } from '../hash/seeded-random.ts'
import { engineChoice } from './engine-choice.ts'
import { Pulse } from './pulse.ts'
import { stateDirectory } from './state-directory.ts'
import { storeSpecs } from './store-specs.ts'
import type { InputSpecOfTask } from './task-inputs.ts'
import { Task } from './task.ts'
import { type OpenTable, openRemote } from './tables.ts'
import type { ContainerSettings, TaskGrant } from './thread-messages.ts'

/** What the tasks of one container have in common. */
export interface TaskEnvironment {
  readonly job: string
  readonly nodes: readonly TopologyNode[]
  readonly inputs: readonly InputSpecOfTask[]
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly settings: ContainerSettings
  readonly port: LogPort
  /** Merges the tasks' files; by default each task does it itself. */
  readonly compactor?: Compactor
  readonly disk: Disk
  readonly clock: Clock
  /** Of the container; left out where nobody watches. */
  readonly pulse?: Pulse
  /** How remote tables are reached; tests put others in their place. */
  readonly tables?: OpenTable
  readonly blocks: BlockCache
  readonly cache: CacheBudget
  readonly log: (level: string, text: string) => void
  readonly failpoint: (name: string) => void
  readonly onFailed: (error: Error) => void
  readonly onCommitted: () => void
}

/** Of an engine with a cache of its own, for each task. */
const LEAST_CACHE_BYTES = 8 * 1024 * 1024

/** What the base of a task is opened with. */
export type BaseEnvironment = Pick<
  TaskEnvironment,
  'nodes' | 'settings' | 'port' | 'disk' | 'clock' | 'blocks' | 'compactor' | 'failpoint'
>

/** Opens the base of a task with the engines of its stores; a promise only when an engine has to be waited for. */
export function openBaseOfTask(environment: BaseEnvironment, index: number): Base | Promise<Base> {
  const { nodes, settings, port, disk, clock, blocks, compactor, failpoint } = environment
  const specs = storeSpecs(nodes)
  return openTaskBase({
    disk,
    directory: stateDirectory(port.directory, index, settings.lineage),
    cache: blocks,
    cacheBytes: Math.max(LEAST_CACHE_BYTES, settings.cacheBytes / 2 / settings.tasks),
    clock,
    failpoint,
    ...(compactor === undefined ? {} : { compactor }),
    ...(settings.compression === undefined ? {} : { compression: settings.compression }),
    ...(settings.blockBytes === undefined ? {} : { blockBytes: settings.blockBytes }),
    choice: engineChoice(settings, specs),
    stores: specs.map(({ name }) => name),
    shadow: settings.shadow ? 'follow' : 'on-request',
  })
}

/**
 * Opens a task at its committed checkpoint: its base, then the deltas that it does not cover. All or nothing (C8). Errors
 * as `openTaskState`. The base is the task's, and closed on an error.
 */
export function openTask(environment: TaskEnvironment, grant: TaskGrant, base: Base): Task {
  const { job, nodes, settings, port, disk, clock } = environment
  const { index, producer } = grant
  const directory = stateDirectory(port.directory, index, settings.lineage)
  const record = producer.id === 0 ? null : decodeCheckpoint(producer.checkpoint, producer.producer)
  let state: ReturnType<typeof openTaskState>
  let retainer: Retainer
  try {
    state = openTaskState({
      task: producer.producer,
      specs: storeSpecs(nodes),
      base,
      deltas: grant.deltas,
      id: producer.id,
      lastDeltaId: record?.lastDeltaId ?? 0,
      ...(record === null ? {} : { clock: clockOf(record) }),
      nowMs: () => clock.monotonicMs(),
      cache: environment.cache,
      flushThresholdBytes: settings.recentMaxBytes,
      limits: { maxValueBytes: settings.maxValueBytes },
      ...(settings.development ? { onWarning: (line: string) => environment.log('warn', line) } : {}),
    })
    retainer = openRetainer(environment, grant, directory, base)
  } catch (error) {
    base.close()
    throw error
  }
  const { timing, tasks } = settings
  return new Task({
    job,
    index,
    tasks,
    nodes,
    inputs: environment.inputs,
    streams: environment.streams,
    producer,
    state,
    retainer,
    holdJournal: settings.holdJournal,
    port,
    disk,
    clock: new SteadyClock(clock, record === null ? Number.NEGATIVE_INFINITY : latestOf(record)),
    random: seededRandom(settings.seed + index),
    timing,
    // Staggered, so that the tasks of a node do not all commit at once.
    firstDueMs: clock.monotonicMs() + timing.intervalMs + Math.floor((timing.intervalMs * index) / tasks),
    onError: settings.onError,
    outputMaxBytes: settings.outputMaxBytes,
    memtableMaxBytes: settings.memtableMaxBytes,
    idleMs: settings.idleMs,
    handlerTimeoutMs: settings.handlerTimeoutMs,
    development: settings.development,
    tables: environment.tables ?? openRemote,
    pulse: environment.pulse ?? new Pulse(),
    log: environment.log,
    failpoint: environment.failpoint,
    onFailed: environment.onFailed,
    onCommitted: environment.onCommitted,
  })
}

function openRetainer(
  { disk, clock, settings, failpoint }: TaskEnvironment,
  { producer }: TaskGrant,
  directory: string,
  base: Base,
): Retainer {
  return new Retainer({
    task: producer.producer,
    disk,
    ...keeperOf(directory, base),
    settings: settings.retention,
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    id: producer.id,
    record: producer.checkpoint,
    failpoint,
  })
}
