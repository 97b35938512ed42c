import type { MemoryUse, StateMetrics, StateSummary, TaskStateMetrics } from '../api/state-metrics.ts'
import type { BaseStatistics } from '../store/base-statistics.ts'
import type { StateStatistics } from '../store/types.ts'
import type { Task } from './task.ts'
import type { ContainerSettings } from './thread-messages.ts'

/** A flush that runs lets so many times `recentMaxBytes` come in beside it (see LayeredState). */
const RECENT_TIMES = 4

/** What the state of a container's tasks holds. Costs as much as looking at each of its files. */
export function containerState(tasks: readonly Task[], settings: ContainerSettings): StateMetrics {
  const each = tasks.map((task) => taskMetrics(task, task.state.statistics()))
  const sum = (of: (task: TaskStateMetrics) => number): number => each.reduce((total, task) => total + of(task), 0)
  const { memtableMaxBytes, recentMaxBytes, cacheBytes, outputMaxBytes } = settings
  const count = tasks.length
  const blocks = each.find(({ cache }) => cache !== null)?.cache
  return {
    tasks: each,
    memory: [
      { what: 'memtables', bytes: sum((task) => task.memtableBytes), limitBytes: count * memtableMaxBytes },
      { what: 'recent', bytes: sum((task) => task.recentBytes), limitBytes: count * recentMaxBytes * RECENT_TIMES },
      { what: 'value cache', bytes: sum((task) => task.valueCacheBytes), limitBytes: cacheBytes / 2 },
      { what: 'block cache', bytes: blocks?.bytes ?? 0, limitBytes: cacheBytes / 2 },
      { what: 'output buffers', bytes: sum((task) => task.outputBytes), limitBytes: count * outputMaxBytes },
    ],
  }
}

function taskMetrics(task: Task, statistics: StateStatistics): TaskStateMetrics {
  const { activeBytes, recentBytes, cacheBytes, base } = statistics
  const { reads, cache, writes } = base
  return {
    task: task.index,
    files: base.files,
    bytes: base.bytes,
    entries: base.entries,
    tiers: (base.tiers ?? []).map(({ tier, files, bytes }) => ({ tier, files, bytes })),
    stores: (base.stores ?? []).map(({ store, files, bytes, entries, deletions }) => ({
      store,
      files,
      bytes,
      entries,
      deletions,
      liveKeys: null,
      liveBytes: null,
    })),
    // What is live is not known here: see live-files.ts.
    liveBytes: null,
    spaceAmplification: null,
    memtableBytes: activeBytes,
    recentBytes,
    valueCacheBytes: cacheBytes,
    outputBytes: task.outputs.sizeBytes,
    stalls: task.counters.stalls,
    reads:
      reads === undefined ? null : pick(reads, 'gets', 'filesPerGet', 'readAmplification', 'bloomFalsePositiveRate'),
    cache: cache === undefined ? null : pick(cache, 'bytes', 'capacityBytes', 'hits', 'misses'),
    writes:
      writes === undefined
        ? null
        : {
            ...pick(
              writes,
              'flushes',
              'flushedBytes',
              'compactions',
              'compactedBytes',
              'compactionsRunning',
              'stalled',
            ),
            ...pick(writes, 'writeAmplification'),
          },
    shadow: shadowMetrics(base),
  }
}

function shadowMetrics({ shadow }: BaseStatistics): TaskStateMetrics['shadow'] {
  if (shadow === undefined) return null
  const { files, bytes, ready, writes } = shadow
  return {
    files,
    bytes,
    ready,
    flushedBytes: writes?.flushedBytes ?? 0,
    compactedBytes: writes?.compactedBytes ?? 0,
  }
}

function pick<T, K extends keyof T>(from: T, ...keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>
}

/** Of several containers. */
export function joinStates(states: readonly StateMetrics[]): StateMetrics {
  const memory = new Map<MemoryUse['what'], MemoryUse>()
  for (const each of states.flatMap((state) => state.memory)) {
    const before = memory.get(each.what) ?? { what: each.what, bytes: 0, limitBytes: 0 }
    memory.set(each.what, {
      what: each.what,
      bytes: before.bytes + each.bytes,
      limitBytes: before.limitBytes + each.limitBytes,
    })
  }
  const tasks = states.flatMap((state) => state.tasks).toSorted((a, b) => a.task - b.task)
  return { tasks, memory: [...memory.values()] }
}

/** The state of each container, summed up. Hits and misses are of a cache that the tasks of a container share. */
export function summarizeStates(states: readonly StateMetrics[]): StateSummary {
  const { tasks } = joinStates(states)
  const sum = (of: (task: TaskStateMetrics) => number): number => tasks.reduce((total, task) => total + of(task), 0)
  const caches = states.map((state) => state.tasks.find(({ cache }) => cache !== null)?.cache)
  return {
    files: sum(({ files }) => files),
    bytes: sum(({ bytes }) => bytes),
    entries: sum(({ entries }) => entries),
    flushedBytes: sum(({ writes }) => writes?.flushedBytes ?? 0),
    compactedBytes: sum(({ writes }) => writes?.compactedBytes ?? 0),
    gets: sum(({ reads }) => reads?.gets ?? 0),
    cacheHits: caches.reduce((total, cache) => total + (cache?.hits ?? 0), 0),
    cacheMisses: caches.reduce((total, cache) => total + (cache?.misses ?? 0), 0),
    stalls: sum(({ stalls }) => stalls),
  }
}
