import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { systemClock } from '../clock/clock.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import { openDataDir } from '../ops/data-dir.ts'
import { StreamWriter, type WriteRecord } from '../ops/write-stream.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { countFlag } from './flag-values.ts'
import { formatCount, toJson } from './format.ts'

/** `tidemark streams write`: appends JSON lines, a transaction for each batch of them. */
export async function writeStream(name: string, file: string, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const batch = countFlag(options, 'batch', '--batch', 1) ?? 1000
  // Opened read-only first: a wrong directory or name is told without making anything.
  const stream = openDataDir(settings.dataDir, nodeDisk).stream(name)
  const log = EmbeddedLog.open({ disk: nodeDisk, directory: settings.dataDir, job: null, clock: systemClock })
  let written = 0
  let line = 0
  try {
    const writer = new StreamWriter(log, log.streams().find((each) => each.name === name) ?? stream, systemClock)
    for await (const text of lines(file, context.cwd)) {
      line++
      if (text.trim() === '') continue
      writer.add(parseLine(text, line, options['values'] === true))
      if (writer.waiting < batch) continue
      written += writer.waiting
      writer.commit()
    }
    written += writer.waiting
    writer.commit()
  } finally {
    log.close()
  }
  const text = `${formatCount(written)} records appended to ${name}`
  await context.terminal.print(options['json'] === true ? toJson({ stream: name, records: written }) : text)
}

function lines(file: string, cwd: string): AsyncIterable<string> {
  const input = file === '-' ? process.stdin : createReadStream(resolve(cwd, file))
  return readLines(input, file)
}

async function* readLines(input: NodeJS.ReadableStream, file: string): AsyncGenerator<string, void> {
  const failed = new Promise<never>((_, fail) => {
    input.once('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT'
      const message = missing ? `there is no file ${file}` : `${file} cannot be read: ${error.message}`
      fail(new TidemarkError(missing ? 'ERR_FILE_NOT_FOUND' : 'ERR_DISK_IO', message, { cause: error }))
    })
  })
  failed.catch(() => {})
  const iterator = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([iterator.next(), failed])
    if (next.done === true) return
    yield next.value
  }
}

/** One line as a record; ERR_WRITE_LINE names the line. */
export function parseLine(text: string, line: number, isValue: boolean): WriteRecord {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError('ERR_WRITE_LINE', `line ${line} is not JSON: ${why}`, { cause, details: { line } })
  }
  if (isValue) return { key: null, value: parsed, timestamp: null }
  const record = typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {}
  const { key = null, value, timestamp = null } = record
  if (value === undefined) {
    const message = `line ${line} has no "value": write {"key":...,"value":...}, or use --values for lines that are values`
    throw new TidemarkError('ERR_WRITE_LINE', message, { details: { line } })
  }
  if (timestamp !== null && !Number.isSafeInteger(timestamp)) {
    const message = `line ${line}: "timestamp" must be whole milliseconds since 1970`
    throw new TidemarkError('ERR_WRITE_LINE', message, { details: { line } })
  }
  return { key, value, timestamp: timestamp as number | null }
}
