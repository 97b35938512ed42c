import { resolve } from 'node:path'
import type { StoreEntry } from '../api/app.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { openStateDir } from '../ops/data-dir.ts'
import { storeAtCheckpoint, storeOfSavepoint } from '../ops/past-store.ts'
import type { ScanOptions, StoreView } from '../ops/store-view.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { countFlag, parseTime, requiredFlag, textFlag } from './flag-values.ts'
import { formatValue, toJson } from './format.ts'
import { printLines } from './print-lines.ts'
import { entryTable } from './store-table.ts'
import type { Terminal } from './terminal.ts'

/** Entries that are laid out as one table; longer output is laid out piece by piece. */
const TABLE_ROWS = 500

/** `tidemark state get`. */
export async function getState(options: Options, context: CliContext): Promise<void> {
  const view = await openStore(options, context)
  try {
    const name = view.descriptor.name
    const text = requiredFlag(options, 'key', '--key')
    const key = parseKey(view, text, '--key')
    const start = windowFlag(view, options)
    const { kind } = view.descriptor
    if ((kind === 'windows' || kind === 'session') && start === undefined) {
      const what = kind === 'windows' ? 'windows' : 'sessions'
      const message = `store "${name}" has ${what}: say which by --window, or list them by state scan --key ${text}`
      throw new TidemarkError('ERR_USAGE', message)
    }
    const entry = find(view, key, start, timeFlag(view, options))
    if (entry === undefined) {
      const where = start === undefined ? '' : ` in the window that starts at ${start}`
      throw new TidemarkError('ERR_NO_SUCH_KEY', `store "${name}" has no value for key ${formatValue(key)}${where}`, {
        details: { store: name, key: text },
      })
    }
    await context.terminal.print(options['json'] === true ? entryJson(entry) : formatValue(entry.value))
  } finally {
    view.close()
  }
}

function find(
  view: StoreView,
  key: unknown,
  start: number | undefined,
  asOf = Number.POSITIVE_INFINITY,
): StoreEntry | undefined {
  if (view.descriptor.kind === 'versioned') {
    for (const entry of view.scan({ key, reverse: true })) {
      if ((entry.atMs as number) <= asOf) return entry.value === null ? undefined : entry
    }
    return undefined
  }
  if (start === undefined) {
    const value = view.get(key)
    return value === undefined ? undefined : { key, value }
  }
  for (const entry of view.scan({ key })) if (entry.window?.start === start) return entry
  return undefined
}

/** `tidemark state scan`. */
export async function scanState(options: Options, context: CliContext): Promise<void> {
  const view = await openStore(options, context)
  try {
    const { terminal } = context
    const entries = chosen(view, options)
    if (options['json'] === true) {
      await printLines(terminal, jsonLines(entries))
    } else {
      await printTables(entries, terminal)
    }
  } finally {
    view.close()
  }
}

/** The store that --store names, now, or when --checkpoint or --savepoint says. */
export async function openStore(
  options: Options,
  context: CliContext,
  reading: { readonly rawValues?: boolean } = {},
): Promise<StoreView> {
  const { settings } = await settingsOf(options, context)
  const name = requiredFlag(options, 'store', '--store')
  const checkpoint = textFlag(options, 'checkpoint')
  const savepoint = textFlag(options, 'savepoint')
  if (checkpoint !== undefined && savepoint !== undefined) {
    throw new TidemarkError('ERR_USAGE', 'give --checkpoint or --savepoint, not both')
  }
  if (savepoint !== undefined) return storeOfSavepoint(nodeDisk, resolve(context.cwd, savepoint), name, reading)
  const data = openStateDir(settings.dataDir, nodeDisk)
  return checkpoint === undefined ? data.store(name, reading) : storeAtCheckpoint(data, name, checkpoint, reading)
}

function* chosen(view: StoreView, options: Options): Generator<StoreEntry, void> {
  const limit = countFlag(options, 'limit', '--limit', 0) ?? Number.POSITIVE_INFINITY
  const start = windowFlag(view, options)
  const scan = scanOptions(view, options)
  let left = limit
  if (left === 0) return
  for (const entry of view.scan(scan)) {
    if (start !== undefined && entry.window?.start !== start) continue
    yield entry
    if (--left <= 0) return
  }
}

/** The range of keys that the flags say. */
export function scanOptions(view: StoreView, options: Options): ScanOptions {
  const key = textFlag(options, 'key')
  const from = textFlag(options, 'from')
  const to = textFlag(options, 'to')
  const prefix = textFlag(options, 'prefix')
  return {
    ...(key === undefined ? {} : { key: parseKey(view, key, '--key') }),
    ...(from === undefined ? {} : { from: parseKey(view, from, '--from') }),
    ...(to === undefined ? {} : { to: parseKey(view, to, '--to') }),
    ...(prefix === undefined ? {} : { prefix: new TextEncoder().encode(prefix) }),
    reverse: options['reverse'] === true,
  }
}

/** A key from the command line: text for string keys, JSON for all others. */
function parseKey(view: StoreView, text: string, flag: string): unknown {
  const serde = view.descriptor.key
  if (serde === 'string') return text
  if (serde === 'bytes') return new TextEncoder().encode(text)
  try {
    const parsed: unknown = JSON.parse(text)
    return serde === 'int64' && typeof parsed === 'number' ? BigInt(parsed) : parsed
  } catch (cause) {
    const message = `${flag}: keys of store "${view.descriptor.name}" are of serde ${serde}: give JSON, not ${text}`
    throw new TidemarkError('ERR_USAGE', message, { cause })
  }
}

function windowFlag(view: StoreView, options: Options): number | undefined {
  const text = textFlag(options, 'window')
  if (text === undefined) return undefined
  const { kind, name } = view.descriptor
  if (kind !== 'windows' && kind !== 'session') {
    throw new TidemarkError('ERR_USAGE', `--window: store "${name}" has no windows`)
  }
  return parseTime(text, '--window')
}

function timeFlag(view: StoreView, options: Options): number | undefined {
  const text = textFlag(options, 'at')
  if (text === undefined) return undefined
  if (view.descriptor.kind !== 'versioned') {
    throw new TidemarkError('ERR_USAGE', `--at: store "${view.descriptor.name}" keeps no versions`)
  }
  return parseTime(text, '--at')
}

function* jsonLines(entries: Iterable<StoreEntry>): Generator<string, void> {
  for (const entry of entries) yield entryJson(entry)
}

function entryJson({ key, value, window, atMs, index }: StoreEntry): string {
  return toJson({
    key,
    ...(atMs === undefined ? {} : { atMs }),
    ...(index === undefined ? {} : { index }),
    value,
    ...(window === undefined ? {} : { window }),
  })
}

async function printTables(entries: Iterable<StoreEntry>, terminal: Terminal): Promise<void> {
  const width = terminal.outIsTerminal ? { width: terminal.columns } : {}
  let rows: StoreEntry[] = []
  let printed = 0
  const flush = async (): Promise<void> => {
    if (rows.length === 0) return
    const lines = entryTable(rows, { header: terminal.style.dim, ...width })
    await terminal.print((printed === 0 ? lines : lines.slice(1)).join('\n'))
    printed += rows.length
    rows = []
  }
  for (const entry of entries) {
    rows.push(entry)
    if (rows.length === TABLE_ROWS) await flush()
  }
  await flush()
  if (printed === 0) terminal.note('no entries')
}
