import { TidemarkError } from '../errors/error.ts'
import type { RecordHeaders } from '../log/batch-encoder.ts'
import type { WriteRecord } from '../ops/record-packer.ts'
import { bytesIn } from '../ops/tool-serdes.ts'

export interface LineOptions {
  /** The line is the value itself. */
  readonly isValue: boolean
  /** A partition in the line is passed over. */
  readonly byKey: boolean
}

const utf8 = new TextEncoder()

/** One line as a record, in the form that `streams read --json` prints; ERR_WRITE_LINE names the line. */
export function parseLine(text: string, line: number, { isValue, byKey }: LineOptions): WriteRecord {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError('ERR_WRITE_LINE', `line ${line} is not JSON: ${why}`, { cause, details: { line } })
  }
  if (isValue) return { key: null, value: parsed, timestamp: null }
  const record = typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {}
  const { key = null, value, timestamp = null, partition, headers } = record
  if (value === undefined) {
    throw wrong(line, 'has no "value": write {"key":...,"value":...}, or use --values for lines that are values')
  }
  if (timestamp !== null && !Number.isSafeInteger(timestamp)) {
    throw wrong(line, 'has a "timestamp" that is not whole milliseconds since 1970')
  }
  if (partition !== undefined && partition !== null && !(Number.isSafeInteger(partition) && Number(partition) >= 0)) {
    throw wrong(line, 'has a "partition" that is no number of one')
  }
  return {
    key,
    value,
    timestamp: timestamp as number | null,
    ...(byKey || partition === undefined || partition === null ? {} : { partition: Number(partition) }),
    ...(headers === undefined || headers === null ? {} : { headers: headersOf(headers, line) }),
  }
}

/** A list of names and values, where names may repeat, or an object. */
function headersOf(headers: unknown, line: number): RecordHeaders {
  const pairs: unknown = Array.isArray(headers)
    ? headers
    : typeof headers === 'object'
      ? Object.entries(headers ?? {})
      : null
  if (!Array.isArray(pairs)) throw wrong(line, 'has "headers" that are no list of [name, value]')
  return pairs.map((pair: unknown): readonly [string, Uint8Array | null] => {
    const [name, value]: readonly unknown[] = Array.isArray(pair) ? pair : []
    const bytes = value === null ? null : typeof value === 'string' ? utf8.encode(value) : (bytesIn(value) ?? undefined)
    if (typeof name === 'string' && bytes !== undefined) return [name, bytes]
    throw wrong(line, 'has a header that is no [name, value], where the value is text, {"base64":...} or null')
  })
}

function wrong(line: number, what: string): TidemarkError {
  return new TidemarkError('ERR_WRITE_LINE', `line ${line} ${what}`, { details: { line } })
}
