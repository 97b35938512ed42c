import type { StateMetrics, TaskStateMetrics } from '../api/state-metrics.ts'
import { systemClock } from '../clock/clock.ts'
import { uniqueId } from '../clock/unique-id.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { askRunning } from '../ops/ask-running.ts'
import type { StateDir } from '../ops/data-dir.ts'
import { formatBytes, formatCount } from './format.ts'

const TIMEOUT_MS = 10_000

/** What the job that runs on a data directory says of its state; null when none runs. ERR_CONTROL_TIMEOUT. */
export async function liveState(data: StateDir): Promise<StateMetrics | null> {
  if (data.view.ownerPid() === null) return null
  try {
    const answer = await askRunning(
      data,
      { kind: 'state' },
      { clock: systemClock, id: uniqueId(), timeoutMs: TIMEOUT_MS },
    )
    if (answer.kind === 'state') return { tasks: answer.tasks, memory: answer.memory }
    throw new TidemarkError('ERR_INVARIANT', `the job answered ${answer.kind} to a request for its state`)
  } catch (error) {
    // It has ended since: what its files are is told all the same.
    if (isTidemarkError(error, 'ERR_RUN_ENDED')) return null
    throw error
  }
}

interface Table {
  readonly columns: { readonly title: string; readonly align?: 'right' }[]
  readonly cells: string[][]
}

/** Reads and writes by task, and memory by who uses it. */
export function liveTables({ tasks, memory }: StateMetrics): Table[] {
  const titles = ['task', 'look-ups', 'files', 'blocks', 'false +', 'cache', 'flushed', 'merged', 'written', 'stalls']
  const cells = tasks.map(({ task, reads, cache, writes, stalls }) => [
    String(task),
    reads === null ? '-' : formatCount(reads.gets),
    reads === null ? '-' : reads.filesPerGet.toFixed(2),
    reads === null ? '-' : reads.readAmplification.toFixed(2),
    reads === null ? '-' : share(reads.bloomFalsePositiveRate),
    cache === null || cache.hits + cache.misses === 0 ? '-' : share(cache.hits / (cache.hits + cache.misses)),
    writes === null ? '-' : formatBytes(writes.flushedBytes),
    writes === null ? '-' : formatBytes(writes.compactedBytes),
    writes === null ? '-' : `${writes.writeAmplification.toFixed(2)}x`,
    formatCount(stalls) + (writes?.stalled === true ? ' (now)' : ''),
  ])
  const shadows = tasks.flatMap(({ task, shadow }) => (shadow === null ? [] : [{ task, ...shadow }]))
  return [
    { columns: titles.map((title) => ({ title, align: 'right' as const })), cells },
    {
      columns: [{ title: 'memory' }, { title: 'used', align: 'right' }, { title: 'bound', align: 'right' }],
      cells: memory.map(({ what, bytes, limitBytes }) => [what, formatBytes(bytes), formatBytes(limitBytes)]),
    },
    ...(shadows.length === 0 ? [] : [shadowTable(shadows)]),
  ]
}

/** The sorted files beside engines that keep the newest state only. */
function shadowTable(shadows: readonly (NonNullable<TaskStateMetrics['shadow']> & { readonly task: number })[]): Table {
  const titles = ['task', 'shadow files', 'size', 'flushed', 'merged', 'state']
  return {
    columns: titles.map((title) => ({ title, align: 'right' as const })),
    cells: shadows.map(({ task, files, bytes, flushedBytes, compactedBytes, ready }) => [
      String(task),
      formatCount(files),
      formatBytes(bytes),
      formatBytes(flushedBytes),
      formatBytes(compactedBytes),
      ready ? 'whole' : 'being made',
    ]),
  }
}

function share(ratio: number): string {
  return `${(ratio * 100).toFixed(1)}%`
}
