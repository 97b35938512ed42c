import type { PartitionBatches, StreamRange } from '../api/system-tools.ts'
import { RecordDecoder, type ReadRecord } from '../ops/record-decoder.ts'
import type { CliContext, Options } from './context.ts'
import { countFlag, textFlag } from './flag-values.ts'
import { formatInstant, formatValue, toJson } from './format.ts'
import { printLines } from './print-lines.ts'
import { positionFlag, readingSerdes, withStreams } from './stream-tools.ts'

/** `tidemark streams read`. */
export async function readStream(name: string, options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const range = rangeOf(options)
  const show = options['json'] === true ? recordJson : recordText
  let left = countFlag(options, 'limit', '--limit', 0) ?? Number.POSITIVE_INFINITY
  if (left === 0) return
  await withStreams(options, context, async (tools) => {
    const serdes = await readingSerdes(tools, name, options)
    const decoder = new RecordDecoder({ stream: name, serdes, marks: options['marks'] === true })
    function* lines({ partition, bytes, from, to }: PartitionBatches): Generator<string, void> {
      for (const record of decoder.records(partition, bytes, from, to)) {
        yield show(record)
        if (--left === 0) return
      }
    }
    for await (const batches of tools.read(name, range)) {
      await printLines(terminal, lines(batches))
      if (left === 0) return
    }
  })
}

/** ERR_USAGE. */
function rangeOf(options: Options): StreamRange {
  const partition = countFlag(options, 'partition', '--partition', 0)
  const from = textFlag(options, 'from') === 'end' ? 'end' : positionFlag(options, 'from', '--from')
  const to = positionFlag(options, 'to', '--to')
  return {
    ...(partition === undefined ? {} : { partition }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    follow: options['follow'] === true,
    committed: options['uncommitted'] !== true,
  }
}

function recordJson(record: ReadRecord): string {
  const { partition, offset, timestamp, key, value, headers } = record
  return toJson({ partition, offset, timestamp, key, value, ...(headers === null ? {} : { headers }) })
}

function recordText(record: ReadRecord): string {
  const { partition, offset, timestamp, key, value } = record
  const headers = (record.headers ?? []).map(([name, text]) => `  ${formatValue(name)}=${formatValue(text)}`).join('')
  return `${partition}/${offset}  ${formatInstant(timestamp)}  ${formatValue(key)}  ${formatValue(value)}${headers}`
}
