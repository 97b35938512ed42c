import type { StoreEntry } from '../api/app.ts'
import { formatCount, formatInstant, formatValue } from './format.ts'
import { type Column, renderTable, type TableOptions } from './table.ts'

/**
 * Entries of a store as a table: the key, the window if there are windows, and the value, with one column for each of
 * its fields when the values are plain objects of simple fields.
 */
export function entryTable(entries: readonly StoreEntry[], options: TableOptions = {}): string[] {
  const fields = fieldsOf(entries)
  const windowed = entries.some((entry) => entry.window !== undefined)
  const versioned = entries.some((entry) => entry.atMs !== undefined)
  const listed = entries.some((entry) => entry.index !== undefined)
  const names = fields ?? ['value']
  const columns: Column[] = [{ title: 'key' }]
  if (windowed) columns.push({ title: 'window' })
  if (versioned) columns.push({ title: 'since' })
  if (listed) columns.push({ title: 'index', align: 'right' })
  for (const name of names) {
    const numeric = entries.every((entry) => isNumeric(fieldOf(entry.value, fields === null ? null : name)))
    columns.push({ title: name, align: numeric ? 'right' : 'left' })
  }
  const rows = entries.map((entry) => {
    const cells = [formatValue(entry.key)]
    if (windowed) cells.push(entry.window === undefined ? '' : windowText(entry.window))
    if (versioned) cells.push(entry.atMs === undefined ? '' : formatInstant(entry.atMs))
    if (listed) cells.push(String(entry.index ?? ''))
    for (const name of names) cells.push(cell(fieldOf(entry.value, fields === null ? null : name)))
    return cells
  })
  return renderTable(columns, rows, options)
}

/** A window as its start and length: `2013-01-01T05:00Z +1h`. */
function windowText(window: { readonly start: number; readonly end: number }): string {
  return `${shortInstant(window.start)} to ${shortInstant(window.end)}`
}

function shortInstant(ms: number): string {
  return formatInstant(ms).replace(':00Z', 'Z')
}

const MOST_FIELDS = 8

/** Names of the fields when every value is a plain object of the same few simple fields; null otherwise. */
function fieldsOf(entries: readonly StoreEntry[]): string[] | null {
  const first = entries[0]?.value
  if (!isPlain(first)) return null
  const names = Object.keys(first)
  if (names.length === 0 || names.length > MOST_FIELDS) return null
  const same = entries.every(({ value }) => {
    if (!isPlain(value)) return false
    const own = Object.entries(value)
    return own.length === names.length && own.every(([name, item]) => names.includes(name) && !isNested(item))
  })
  return same ? names : null
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function isNested(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function fieldOf(value: unknown, name: string | null): unknown {
  if (name === null) return value
  return Object.entries(value as object).find(([own]) => own === name)?.[1]
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || value === null
}

function cell(value: unknown): string {
  if (value === null) return '-'
  if (typeof value === 'bigint') return formatCount(value)
  if (typeof value !== 'number') return formatValue(value)
  if (Number.isInteger(value)) return formatCount(value)
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value)
}
