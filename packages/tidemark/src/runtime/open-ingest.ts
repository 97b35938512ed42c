import type { ErrorPolicy, InputSpec } from '../api/app.ts'
import type { StreamDef } from '../api/stream.ts'
import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import type { LogPort, StreamInfo, SystemHost } from '../log/types.ts'
import { FileSource } from '../sources/file-source.ts'
import { Ingest, sourceProducer } from '../sources/ingest.ts'
import { formatOf } from '../sources/input-format.ts'
import type { RowSource } from '../sources/row-source.ts'
import { StdinSource } from '../sources/stdin-source.ts'

export interface IngestEnvironment {
  readonly host: SystemHost
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly clock: Clock
  readonly onError: ErrorPolicy
  readonly onWarning: (text: string) => void
  readonly pauseWhile: () => boolean
}

/** Opens an input of a stream where the last run has left it. The port is to be closed when the ingest has ended. */
export async function openIngest(
  environment: IngestEnvironment,
  stream: StreamDef<unknown, unknown>,
  spec: InputSpec,
): Promise<{ readonly ingest: Ingest; readonly port: LogPort }> {
  const { host, streams, clock, onError, pauseWhile } = environment
  const source = openSource(environment, spec)
  const producer = await host.claim(
    sourceProducer(stream.name, source.name),
    JSON.stringify({ stream: stream.name, input: source.name }),
  )
  const port = await host.openPort([producer.producer])
  const policy = spec.onError ?? onError
  const deadLetters = typeof policy === 'object' ? streams.get(policy.deadLetter) : undefined
  const ingest = new Ingest({
    log: port,
    stream,
    info: streamOf(streams, stream.name),
    source,
    producer,
    onError: policy,
    clock,
    pauseWhile,
    ...(deadLetters === undefined ? {} : { deadLetters }),
  })
  return { ingest, port }
}

function openSource({ clock, onWarning }: IngestEnvironment, spec: InputSpec): RowSource {
  if (spec.path === '-') return new StdinSource({ format: spec.format ?? 'jsonl', stream: process.stdin })
  const { format, compression } = formatOf(spec.path, spec.format ?? null)
  return new FileSource({ path: spec.path, format, compression, follow: spec.follow ?? false, clock, onWarning })
}

function streamOf(streams: ReadonlyMap<string, StreamInfo>, name: string): StreamInfo {
  const info = streams.get(name)
  if (info === undefined) throw new TidemarkError('ERR_UNKNOWN_STREAM', `there is no stream ${name}`)
  return info
}
