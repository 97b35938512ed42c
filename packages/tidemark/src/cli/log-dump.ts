import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { nodeDisk } from '../disk/node-disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { beginsWithBatch, type DumpedRecord, dumpFile } from '../log/dump.ts'
import type { CliContext, Options } from './context.ts'
import { formatInstant, formatValue } from './format.ts'
import { printLines } from './print-lines.ts'

/** `tidemark log dump`. */
export async function dumpLog(file: string, options: Options, context: CliContext): Promise<void> {
  const json = options['json'] === true
  const path = resolve(context.cwd, file)
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new TidemarkError('ERR_USAGE', `${path} is a directory; give one of its segment files (.log)`)
  }
  if (!beginsWithBatch(nodeDisk, path)) {
    throw new TidemarkError(
      'ERR_USAGE',
      `${path} is no segment file of record batches: it does not begin with one of format v2. Give a .log file of a partition, of Tidemark or of a Kafka broker`,
      { details: { file: path } },
    )
  }
  const records = dumpFile(nodeDisk, path, { committed: options['committed'] === true })
  await printLines(context.terminal, linesOf(records, json))
}

function* linesOf(records: Iterable<DumpedRecord>, json: boolean): Generator<string, void> {
  for (const record of records) yield json ? JSON.stringify(record) : recordText(record)
}

const MOST_TEXT = 200

function recordText(record: DumpedRecord): string {
  const headers = record.headers.map(([name, value]) => `${show(name)}=${show(value)}`).join(' ')
  const text = `${record.offset}  ${formatInstant(record.timestamp)}  ${show(record.key)}  ${show(record.value)}`
  return headers === '' ? text : `${text}  ${headers}`
}

/** Bytes as text when they are UTF-8, in hexadecimal otherwise; not all of a long value. */
function show(base64: string | null): string {
  if (base64 === null) return 'null'
  const bytes = Buffer.from(base64, 'base64')
  const part = bytes.subarray(0, MOST_TEXT)
  const rest = bytes.length > MOST_TEXT ? `… (${bytes.length} bytes)` : ''
  const text = part.toString('utf8')
  const isText = !text.slice(0, -1).includes('\ufffd')
  return (isText ? JSON.stringify(formatValue(text)).replaceAll('\\\\u', '\\u') : `0x${part.toString('hex')}`) + rest
}
