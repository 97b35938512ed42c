import { setTimeout as sleep } from 'node:timers/promises'
import { nodeDisk } from '../disk/node-disk.ts'
import { openDataDir } from '../ops/data-dir.ts'
import { type ReadRecord, StreamRead } from '../ops/read-stream.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { countFlag } from './flag-values.ts'
import { formatInstant, formatValue, toJson } from './format.ts'
import { printLines } from './print-lines.ts'

const FOLLOW_MS = 100

/** `tidemark streams read`. */
export async function readStream(name: string, options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const { settings } = await settingsOf(options, context)
  const limit = countFlag(options, 'limit', '--limit', 0) ?? Number.POSITIVE_INFINITY
  const partition = countFlag(options, 'partition', '--partition', 0)
  const from = countFlag(options, 'from', '--from', 0)
  const data = openDataDir(settings.dataDir, nodeDisk)
  const stream = new StreamRead(data, name, {
    ...(partition === undefined ? {} : { partition }),
    ...(from === undefined ? {} : { from }),
    marks: options['marks'] === true,
  })
  try {
    const show = options['json'] === true ? recordJson : recordText
    let left = limit
    function* lines(): Generator<string, void> {
      if (left === 0) return
      for (const record of stream.read()) {
        yield show(record)
        if (--left === 0) return
      }
    }
    for (;;) {
      await printLines(terminal, lines())
      if (options['follow'] !== true || left === 0) return
      await sleep(FOLLOW_MS)
      data.refresh()
    }
  } finally {
    stream.close()
  }
}

function recordJson(record: ReadRecord): string {
  const { partition, offset, timestamp, key, value, headers } = record
  return toJson({ partition, offset, timestamp, key, value, ...(headers === null ? {} : { headers }) })
}

function recordText(record: ReadRecord): string {
  const { partition, offset, timestamp, key, value } = record
  return `${partition}/${offset}  ${formatInstant(timestamp)}  ${formatValue(key)}  ${formatValue(value)}`
}
