import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { StreamAppender } from '../api/system-tools.ts'
import { systemClock } from '../clock/clock.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { RecordPacker, type WriteRecord } from '../ops/record-packer.ts'
import { type CliContext, type Options } from './context.ts'
import { countFlag } from './flag-values.ts'
import { placeInStream } from '../ops/write-stream.ts'
import { formatCount, toJson } from './format.ts'
import { withStreams, writingSerdes } from './stream-tools.ts'
import { parseLine } from './write-line.ts'

/** `tidemark streams write`: appends JSON lines, acknowledged batch by batch. */
export async function writeStream(name: string, file: string, options: Options, context: CliContext): Promise<void> {
  const batch = countFlag(options, 'batch', '--batch', 1) ?? 1000
  const written = await withStreams(options, context, async (tools) => {
    const serdes = await writingSerdes(tools, name, options)
    const appender = await tools.appender(name)
    try {
      const { partitions, maxBatchBytes } = appender
      const place = placeInStream(appender.partitioner, name)
      const packer = new RecordPacker({ stream: name, partitions, serdes, place, clock: systemClock, maxBatchBytes })
      return await writeLines(lines(file, context.cwd), { packer, appender, batch, options })
    } finally {
      await appender.close()
    }
  })
  const text = `${formatCount(written)} records appended to ${name}`
  await context.terminal.print(options['json'] === true ? toJson({ stream: name, records: written }) : text)
}

interface Writing {
  readonly packer: RecordPacker
  readonly appender: StreamAppender
  readonly batch: number
  readonly options: Options
}

async function writeLines(from: AsyncIterable<string>, { packer, appender, batch, options }: Writing): Promise<number> {
  const reading = { isValue: options['values'] === true, byKey: options['byKey'] === true }
  let written = 0
  let line = 0
  for await (const text of from) {
    line++
    if (text.trim() === '') continue
    add(packer, parseLine(text, line, reading), line)
    if (packer.waiting < batch) continue
    written += packer.waiting
    await appender.append(packer.take())
  }
  written += packer.waiting
  await appender.append(packer.take())
  return written
}

/** What a record of a line is refused for names the line. */
function add(packer: RecordPacker, record: WriteRecord, line: number): void {
  try {
    packer.add(record)
  } catch (cause) {
    if (!isTidemarkError(cause)) throw cause
    throw new TidemarkError('ERR_WRITE_LINE', `line ${line}: ${cause.message}`, { cause, details: { line } })
  }
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
