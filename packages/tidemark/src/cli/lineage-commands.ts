import { existsSync } from 'node:fs'
import type { ListedLineage, SystemTools } from '../api/system-tools.ts'
import { systemClock } from '../clock/clock.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { nodeProcesses } from '../disk/process-table.ts'
import { TidemarkError } from '../errors/error.ts'
import { DirectoryLock } from '../log/embedded/lock.ts'
import { openDataDir } from '../ops/data-dir.ts'
import { dropLineages, listLineages, removeLineageState } from '../ops/lineages.ts'
import { confirmed } from './confirm.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { textFlag } from './flag-values.ts'
import { formatBytes, formatCount, formatInstant, toJson } from './format.ts'
import { toolsOf } from './kafka-system.ts'
import { jobName } from './load-job.ts'
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

/** Where lineages are listed and dropped: with the brokers, or in a data directory. */
interface LineageTools {
  list(): Promise<readonly ListedLineage[]>
  drop(numbers: readonly number[]): Promise<void>
}

async function withLineages<T>(
  options: Options,
  context: CliContext,
  work: (tools: LineageTools) => Promise<T>,
): Promise<T> {
  const { settings } = await settingsOf(options, context)
  const { dataDir } = settings
  const job = textFlag(options, 'job')
  const tools = await toolsOf(options, settings, context.environment)
  if (tools === null) {
    if (job !== undefined) throw new TidemarkError('ERR_USAGE', '--job is about Kafka: a data directory is of one job')
    return work({
      list: async () => listLineages(openDataDir(dataDir, nodeDisk)),
      drop: async (numbers) => dropLineages({ disk: nodeDisk, dataDir, clock: systemClock, numbers }),
    })
  }
  try {
    if (job === undefined) {
      throw new TidemarkError('ERR_USAGE', 'brokers may have several jobs: say --job, with the module or the name')
    }
    const name = await jobName(job, context.cwd)
    return await work({ list: () => tools.lineages(name), drop: (numbers) => dropThere(tools, name, numbers, dataDir) })
  } finally {
    await tools.close()
  }
}

/** With what a run has kept of it here. */
async function dropThere(tools: SystemTools, job: string, numbers: readonly number[], dataDir: string): Promise<void> {
  const lock = existsSync(dataDir) ? DirectoryLock.acquire(nodeDisk, dataDir, nodeProcesses) : null
  try {
    await tools.dropLineages(job, numbers)
    for (const number of numbers) removeLineageState(nodeDisk, dataDir, number)
  } finally {
    lock?.release()
  }
}

/** `tidemark state lineages`. */
export async function showLineages(options: Options, context: CliContext): Promise<void> {
  const lineages = await withLineages(options, context, (tools) => tools.list())
  if (options['json'] === true) {
    for (const lineage of lineages) await context.terminal.print(toJson({ ...lineage }))
    return
  }
  if (lineages.length === 0) return context.terminal.print('no run has begun here yet')
  await context.terminal.print(renderTable(COLUMNS, lineages.map(cellsOf)).join('\n'))
}

function cellsOf({ number, kind, atMs, from, tasks, stateBytes, checkpoints, records }: ListedLineage): string[] {
  return [
    String(number),
    kind,
    atMs === null ? '-' : formatInstant(atMs),
    from?.savepoint ?? '-',
    formatCount(tasks),
    formatBytes(stateBytes),
    checkpoints === null ? '-' : formatCount(checkpoints),
    formatCount(records),
  ]
}

/** `tidemark state drop --lineage N|older`. */
export async function dropLineage(lineage: string, options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const json = options['json'] === true
  await withLineages(options, context, async (tools) => {
    const all = await tools.list()
    const chosen = all.filter(({ number, kind }) =>
      lineage === 'older' ? kind === 'older' : String(number) === lineage,
    )
    if (chosen.length === 0 && lineage === 'older') {
      return terminal.print(json ? toJson({ lineages: [] }) : 'there is no older lineage')
    }
    if (chosen.length === 0) throw unknownLineage(lineage, all)
    const numbers = chosen.map(({ number }) => number)
    await confirmed(whatOf(chosen), options, context)
    await tools.drop(numbers)
    await terminal.print(json ? toJson({ lineages: numbers, stateBytes: sumOf(chosen) }) : `dropped ${whatOf(chosen)}`)
  })
}

function unknownLineage(lineage: string, all: readonly ListedLineage[]): TidemarkError {
  const there = all.map(({ number, kind }) => `${number} (${kind})`).join(', ') || 'none'
  return new TidemarkError('ERR_USAGE', `there is no lineage "${lineage}". There are: ${there}. Or say --lineage older`)
}

function whatOf(chosen: readonly ListedLineage[]): string {
  const numbers = chosen.map(({ number }) => number).join(', ')
  const state = `lineage ${numbers}: ${formatBytes(sumOf(chosen))} of state`
  if (chosen.some((each) => each.checkpoints === null)) return state
  const checkpoints = chosen.reduce((sum, each) => sum + (each.checkpoints ?? 0), 0)
  return `${state}, ${formatCount(checkpoints)} retained checkpoints`
}

function sumOf(chosen: readonly ListedLineage[]): number {
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
