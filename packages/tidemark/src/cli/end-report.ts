import type { StoreEntry, Summary } from '../api/app.ts'
import type { TableFigures } from '../api/table-figures.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { type DataDir, openDataDir } from '../ops/data-dir.ts'
import { formatCount, formatInstant, formatShort, formatSpan, toJson } from './format.ts'
import { shorten } from './import-module.ts'
import { type JobModule, outputStreams } from './load-job.ts'
import { reportReader } from './read-state.ts'
import { entryTable } from './store-table.ts'
import type { Terminal } from './terminal.ts'
import { topEntries } from './top-entries.ts'

const TOP = 10
/** A larger store is not ranked at the end of a run: it would take seconds. */
const RANKED_ENTRIES = 1_000_000

/** The highest entry of a store. */
interface FirstEntry {
  readonly store: string
  readonly entry: StoreEntry
}

/** What a run did, in one or two lines. */
export function summaryText(summary: Summary): string {
  const { job, records, seconds } = summary
  if (summary.upToDate) {
    return `${job}: all input is already processed; nothing was changed.`
  }
  const rate = seconds > 0 ? ` (${formatShort(records / seconds)}/s)` : ''
  const parts = [
    `${formatCount(records)} records in ${formatSpan(seconds * 1000)}${rate}`,
    `${formatCount(summary.checkpoints)} checkpoints`,
  ]
  if (summary.dropped > 0) parts.push(`${formatCount(summary.dropped)} dropped`)
  if (summary.deadLettered > 0) parts.push(`${formatCount(summary.deadLettered)} dead-lettered`)
  if (summary.late > 0) parts.push(`${formatCount(summary.late)} late`)
  if (summary.restarts > 0) parts.push(`${summary.restarts} restarts`)
  for (const [table, figures] of Object.entries(summary.tables)) parts.push(tableText(table, figures))
  const how = summary.ended === 'drain' ? 'stopped after a final commit; run it again to go on' : 'all input processed'
  return `${job}: ${parts.join(', ')}; ${how}.`
}

function tableText(table: string, { hits, joined, misses, calls, retries, latencyMs }: TableFigures): string {
  const asked = hits + joined + misses
  const mean = calls === 0 ? 0 : latencyMs / calls
  const again = retries === 0 ? '' : `, ${formatCount(retries)} retries`
  return `table ${table}: ${formatCount(asked)} look-ups in ${formatCount(calls)} calls of ${mean.toFixed(1)} ms${again}`
}

/**
 * What a person sees after a run: each store's top ten, the job's own report, where the data is, what to try next. Lines
 * go through `line`, so that they can keep out of the way of records on standard output.
 */
export async function endReport(
  module: JobModule,
  summary: Summary,
  terminal: Terminal,
  line: (text: string) => Promise<void>,
): Promise<void> {
  const data = openDataDir(summary.dataDir, nodeDisk)
  await line(summaryText(summary))
  const firsts: FirstEntry[] = []
  for (const { name } of data.stores()) {
    const first = await storeReport(data, name, terminal, line)
    if (first !== null) firsts.push({ store: name, entry: first })
  }
  const own = await ownReport(module, data)
  if (own !== null) await line(`\n${own.trimEnd()}`)
  await line(`\nData directory: ${summary.dataDir}`)
  const next = nextCommands(data, module, summary.dataDir, firsts)
  if (next.length > 0) await line(`Next, try:\n${next.map((command) => `  ${command}`).join('\n')}`)
}

/** Prints the top of a store and returns its highest entry, null if there is none (or it is too large to look). */
async function storeReport(
  data: DataDir,
  name: string,
  terminal: Terminal,
  line: (text: string) => Promise<void>,
): Promise<StoreEntry | null> {
  const view = await data.store(name)
  try {
    const about = view.approximateCount()
    if (about > RANKED_ENTRIES) {
      await line(`\nStore ${name}: about ${formatCount(about)} entries, too many to rank here`)
      return null
    }
    const top = topEntries(view.scan(), TOP)
    const by = top.field === null ? '' : ` by ${top.field === '' ? 'value' : top.field}`
    const shown = top.total > top.entries.length ? `top ${top.entries.length}${by} of ${formatCount(top.total)}` : ''
    const entries = top.total === 1 ? '1 entry' : `${formatCount(top.total)} entries`
    await line(`\n${terminal.style.bold(`Store ${name}`)}: ${shown === '' ? entries : shown}`)
    if (top.total === 0) return null
    const width = terminal.outIsTerminal ? { width: terminal.columns } : {}
    const table = entryTable(top.entries, { indent: '  ', header: terminal.style.dim, ...width })
    await line(table.join('\n'))
    return top.entries[0] ?? null
  } finally {
    view.close()
  }
}

async function ownReport(module: JobModule, data: DataDir): Promise<string | null> {
  if (module.report === null) return null
  try {
    return await module.report(reportReader(data))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `${shorten(module.url)}: the export "report" threw: ${why}. The run itself ended well.`
    throw new TidemarkError('ERR_JOB_REPORT', message, { cause })
  }
}

function nextCommands(data: DataDir, module: JobModule, dataDir: string, firsts: readonly FirstEntry[]): string[] {
  const at = shorten(dataDir) === '.tidemark' ? '' : ` --data-dir ${quote(shorten(dataDir))}`
  const commands: string[] = []
  const store = data.stores()[0]
  if (store !== undefined) commands.push(`npx tidemark state scan${at} --store ${quote(store.name)} --limit 5`)
  for (const { store: name, entry } of firsts.slice(0, 2)) {
    const key = typeof entry.key === 'string' ? entry.key : toJson(entry.key)
    const window = entry.window === undefined ? '' : ` --window ${formatInstant(entry.window.start)}`
    commands.push(`npx tidemark state get${at} --store ${quote(name)} --key ${quote(key)}${window}`)
  }
  const written = outputStreams(module.job).find((name) => data.streams().some((stream) => stream.name === name))
  if (written !== undefined) commands.push(`npx tidemark streams read ${quote(written)}${at} --limit 5`)
  commands.push(`npx tidemark checkpoint list${at}`)
  commands.push(`npx tidemark plan ${quote(shorten(module.url))}`)
  return commands
}

/** A word as a POSIX shell takes it. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
