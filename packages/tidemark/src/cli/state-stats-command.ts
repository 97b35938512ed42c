import { nodeDisk } from '../disk/node-disk.ts'
import { openStateDir } from '../ops/data-dir.ts'
import { stateStats, type StateStats } from '../ops/state-stats.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { formatBytes, formatCount, toJson } from './format.ts'
import { liveState, liveTables } from './live-state.ts'
import { type Column, renderTable } from './table.ts'
import { WorkLine } from './work-line.ts'

/** `tidemark state stats`. */
export async function showStateStats(options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const { settings } = await settingsOf(options, context)
  const data = openStateDir(settings.dataDir, nodeDisk)
  const line = new WorkLine(terminal)
  const stats = await stateStats(data, {
    exact: options['exact'] === true,
    onProgress: (done, total) => line.show(() => progressText(done, total)),
  }).finally(() => line.done())
  const live = await liveState(data)
  if (options['json'] === true) {
    if (live !== null) await terminal.print(toJson({ job: data.job, live }))
    for (const each of stats.stores) await terminal.print(toJson({ job: data.job, ...each }))
    for (const each of stats.tasks) await terminal.print(toJson({ job: data.job, ...each }))
    return
  }
  if (stats.tasks.length === 0) {
    terminal.note('no task has run on this data directory yet')
    return
  }
  const layout = { header: terminal.style.dim, ...(terminal.outIsTerminal ? { width: terminal.columns } : {}) }
  if (stats.stores.length > 0) {
    await terminal.print(renderTable(storeColumns(), storeCells(stats), layout).join('\n'))
    await terminal.print('')
  }
  await terminal.print(renderTable(taskColumns(), taskCells(stats), layout).join('\n'))
  if (live === null) terminal.note('the job does not run: its reads, caches and merges are known only then')
  else
    for (const table of liveTables(live))
      await terminal.print(`\n${renderTable(table.columns, table.cells, layout).join('\n')}`)
}

function progressText(done: number, total: number): string {
  const percent = total === 0 ? 100 : Math.floor((done * 100) / total)
  return `counting: ${percent}% of ${formatCount(total)} entries`
}

const right = { align: 'right' } as const
const optional = { align: 'right', optional: true } as const

function storeColumns(): Column[] {
  return [
    { title: 'store' },
    { title: 'task', ...right },
    { title: 'keys', ...right },
    { title: '+/-', ...right },
    { title: 'files', ...right },
    { title: 'stored', ...right },
    { title: 'live', ...right },
    { title: 'space', ...right },
    { title: 'entries', ...optional },
    { title: 'deletions', ...optional },
    { title: 'plain', ...optional },
    { title: 'engine', optional: true },
  ]
}

function storeCells(stats: StateStats): string[][] {
  return stats.stores.map((each) => [
    each.store,
    String(each.task),
    formatCount(each.keys),
    known(each.keysError, formatCount),
    known(each.files, formatCount),
    known(each.bytes, formatBytes),
    known(each.liveBytes, formatBytes),
    known(each.spaceAmplification, times),
    known(each.entries, formatCount),
    known(each.deletions, formatCount),
    known(each.plainBytes, formatBytes),
    each.engine,
  ])
}

function known(value: number | null, format: (value: number) => string): string {
  return value === null ? '-' : format(value)
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)}x`
}

function taskColumns(): Column[] {
  const titles = ['task', 'checkpoint', 'flushed', 'recent', 'files', 'size', 'live', 'space']
  return [
    ...titles.map((title): Column => ({ title, ...right })),
    { title: 'retained', ...right },
    { title: 'files by size', optional: true },
  ]
}

function taskCells(stats: StateStats): string[][] {
  return stats.tasks.map(({ task, checkpoint, flushedId, recentBytes, base, ...rest }) => [
    String(task),
    formatCount(checkpoint),
    formatCount(flushedId),
    formatBytes(recentBytes),
    formatCount(base.files),
    formatBytes(base.bytes),
    known(rest.liveBytes, formatBytes),
    known(rest.spaceAmplification, times),
    formatBytes(rest.retainedBytes),
    (base.tiers ?? [])
      .map((tier) => `${tier.files} below ${formatBytes(4 ** (tier.tier + 1) * 1024 * 1024)}`)
      .join(', '),
  ])
}
