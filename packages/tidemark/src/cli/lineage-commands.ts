import { systemClock } from '../clock/clock.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { openDataDir } from '../ops/data-dir.ts'
import { dropLineages, type LineageInfo, listLineages } from '../ops/lineages.ts'
import { confirmed } from './confirm.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { textFlag } from './flag-values.ts'
import { formatBytes, formatCount, formatInstant, toJson } from './format.ts'
import { type Column, renderTable } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'lineage', align: 'right', whole: true },
  { title: 'is', whole: true },
  { title: 'began' },
  { title: 'from savepoint' },
  { title: 'tasks', align: 'right' },
  { title: 'state', align: 'right' },
  { title: 'checkpoints', align: 'right' },
  { title: 'records between', align: 'right' },
]

/** `tidemark state lineages`. */
export async function showLineages(options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const lineages = listLineages(openDataDir(settings.dataDir, nodeDisk))
  if (options['json'] === true) {
    for (const lineage of lineages) await context.terminal.print(toJson({ ...lineage }))
    return
  }
  if (lineages.length === 0) return context.terminal.print('no run has begun here yet')
  await context.terminal.print(renderTable(COLUMNS, lineages.map(cellsOf)).join('\n'))
}

function cellsOf({ number, kind, atMs, from, tasks, stateBytes, checkpoints, records }: LineageInfo): string[] {
  return [
    String(number),
    kind,
    formatInstant(atMs),
    from?.savepoint ?? '-',
    formatCount(tasks),
    formatBytes(stateBytes),
    formatCount(checkpoints),
    formatCount(records),
  ]
}

/** `tidemark state drop --lineage N|older`. */
export async function dropLineage(lineage: string, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const all = listLineages(openDataDir(settings.dataDir, nodeDisk))
  const chosen = all.filter(({ number, kind }) => (lineage === 'older' ? kind === 'older' : String(number) === lineage))
  if (chosen.length === 0 && lineage === 'older') {
    await context.terminal.print(options['json'] === true ? toJson({ lineages: [] }) : 'there is no older lineage')
    return
  }
  if (chosen.length === 0) throw unknownLineage(lineage, all)
  const numbers = chosen.map(({ number }) => number)
  await confirmed(whatOf(chosen), options, context)
  dropLineages({ disk: nodeDisk, dataDir: settings.dataDir, clock: systemClock, numbers })
  const text = `dropped ${whatOf(chosen)}`
  await context.terminal.print(
    options['json'] === true ? toJson({ lineages: numbers, stateBytes: sumOf(chosen) }) : text,
  )
}

function unknownLineage(lineage: string, all: readonly LineageInfo[]): TidemarkError {
  const there = all.map(({ number, kind }) => `${number} (${kind})`).join(', ') || 'none'
  return new TidemarkError('ERR_USAGE', `there is no lineage "${lineage}". There are: ${there}. Or say --lineage older`)
}

function whatOf(chosen: readonly LineageInfo[]): string {
  const checkpoints = chosen.reduce((sum, each) => sum + each.checkpoints, 0)
  const numbers = chosen.map(({ number }) => number).join(', ')
  return `lineage ${numbers}: ${formatBytes(sumOf(chosen))} of state, ${formatCount(checkpoints)} retained checkpoints`
}

function sumOf(chosen: readonly LineageInfo[]): number {
  return chosen.reduce((sum, { stateBytes }) => sum + stateBytes, 0)
}

/** What of a lineage's name was given: null for none, when a store is to be dropped. ERR_USAGE for both, or neither. */
export function lineageFlag(store: string | undefined, options: Options): string | null {
  const lineage = textFlag(options, 'lineage')
  if ((store === undefined) === (lineage === undefined)) {
    throw new TidemarkError('ERR_USAGE', 'name a store to drop, or say --lineage N or --lineage older: one of them')
  }
  return lineage ?? null
}
