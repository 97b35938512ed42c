import type { StreamPosition, StreamTools } from '../api/system-tools.ts'
import { systemClock } from '../clock/clock.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { EmbeddedStreams } from '../ops/embedded-streams.ts'
import { serdeOrBytes } from '../ops/known-serde.ts'
import type { RecordSerdes } from '../ops/stream-meta.ts'
import { readsObjects, toolSerde } from '../ops/tool-serdes.ts'
import { writableSerde } from '../ops/write-stream.ts'
import type { Serde } from '../serde/serde.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { parseTime, textFlag } from './flag-values.ts'
import { toolsOf } from './kafka-system.ts'

/** Opens the streams that a command is about: of the brokers if there are any, else of the data directory. */
export async function withStreams<T>(
  options: Options,
  context: CliContext,
  work: (tools: StreamTools) => Promise<T>,
): Promise<T> {
  const { settings } = await settingsOf(options, context)
  const tools: StreamTools =
    (await toolsOf(options, settings, context.environment)) ??
    new EmbeddedStreams({ disk: nodeDisk, directory: settings.dataDir, clock: systemClock })
  try {
    return await work(tools)
  } finally {
    await tools.close()
  }
}

/** What keys and values are read by: the flags, or what the stream says of itself, or text where it is text. */
export async function readingSerdes(tools: StreamTools, stream: string, options: Options): Promise<RecordSerdes> {
  const own = await tools.serdes(stream)
  const of = (part: 'key' | 'value'): Serde<unknown> => {
    const name = own[part]
    return flagged(options, part) ?? (name === null ? toolSerde('auto', '') : serdeOrBytes(name, 1))
  }
  return { key: of('key'), value: of('value') }
}

/** As `readingSerdes`, for writing. ERR_SERDE_UNKNOWN for a serde that only the job knows. */
export async function writingSerdes(tools: StreamTools, stream: string, options: Options): Promise<RecordSerdes> {
  const own = await tools.serdes(stream)
  const of = (part: 'key' | 'value'): Serde<unknown> => {
    const name = own[part]
    return flagged(options, part) ?? (name === null ? toolSerde('auto', '') : readsObjects(writableSerde(name, stream)))
  }
  return { key: of('key'), value: of('value') }
}

function flagged(options: Options, part: 'key' | 'value'): Serde<unknown> | null {
  const name = textFlag(options, `${part}Serde`)
  return name === undefined ? null : toolSerde(name, `--${part}-serde`)
}

/** An offset, or a time. ERR_USAGE. */
export function positionFlag(options: Options, name: string, flag: string): StreamPosition | undefined {
  const text = textFlag(options, name)
  if (text === undefined) return undefined
  const offset = /^\d+$/.test(text) ? Number(text) : null
  if (offset === null) return { timestampMs: parseTime(text, flag, 'an offset, or a time such as 2013-01-01T05:00Z') }
  if (Number.isSafeInteger(offset)) return { offset }
  throw new TidemarkError('ERR_USAGE', `${flag} takes an offset of less than 2^53, not ${text}`)
}
