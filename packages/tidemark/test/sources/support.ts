import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type MalformedRow, RowBatch } from '../../src/sources/row-batch.ts'
import type { RowFormat } from '../../src/sources/row-parser.ts'
import { type RowPosition, RowReader, type RowReaderOptions, START } from '../../src/sources/row-reader.ts'
import type { RowSource, Waiter } from '../../src/sources/row-source.ts'

/** A directory that is removed after the test. */
export function temporaryDirectory(test: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-sources-'))
  test.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface ReadRows {
  readonly values: unknown[]
  readonly lines: number[]
  readonly bad: MalformedRow[]
  /** Positions after each parse, with the number of rows of both kinds before. */
  readonly positions: RowPosition[]
}

export function noRows(): ReadRows {
  return { values: [], lines: [], bad: [], positions: [] }
}

export function collect(batch: RowBatch, into: ReadRows): void {
  for (let i = 0; i < batch.count; i++) {
    const bad = batch.bad?.get(i)
    if (bad === undefined) {
      into.values.push(batch.values[i])
      into.lines.push(batch.lines[i] as number)
    } else into.bad.push(bad)
  }
}

/** Reads bytes that arrive in pieces; the last piece is the end. */
export function readPieces(
  format: RowFormat,
  pieces: readonly Uint8Array[],
  options: Partial<RowReaderOptions> = {},
  from: RowPosition = START,
): ReadRows {
  const reader = new RowReader({ name: `rows.${format}`, format, ...options }, from)
  const batch = new RowBatch()
  const rows = noRows()
  const parse = (final: boolean): void => {
    batch.reset()
    reader.parse(final, batch)
    collect(batch, rows)
    rows.positions.push(reader.position)
  }
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const space = reader.space()
      const count = Math.min(space.length, piece.length - at)
      space.set(piece.subarray(at, at + count))
      reader.filled(count)
      at += count
      parse(false)
    }
  }
  parse(true)
  return rows
}

export function readText(format: RowFormat, text: string, options: Partial<RowReaderOptions> = {}): ReadRows {
  return readPieces(format, [Buffer.from(text)], options)
}

/** Cuts bytes at the given places (taken modulo the length). */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length))
}

/** Reads an open source to its end, or until it has been idle. */
export async function readSource(source: RowSource, until: 'end' | 'idle' = 'end'): Promise<ReadRows> {
  const batch = new RowBatch()
  const rows = noRows()
  for (;;) {
    const state = await source.next(batch)
    collect(batch, rows)
    if (state === until || state === 'end') return rows
  }
}

/** Does not wait: gives other work a turn. */
export const noWait: Waiter = { wait: () => new Promise((resolve) => setImmediate(resolve)) }
