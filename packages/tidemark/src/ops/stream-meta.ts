import { TidemarkError } from '../errors/error.ts'
import type { StreamInfo } from '../log/types.ts'
import { PARTITIONER_NAMES, type PartitionerName } from '../hash/partitioners.ts'
import { serdeOrBytes } from './known-serde.ts'
import type { Serde } from '../serde/serde.ts'

export interface RecordSerdes {
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** The serdes that a stream's records are written with; those that only the job knows give bytes. */
export interface StreamSerdes extends RecordSerdes {
  /** As it was declared; a function is only known to be one. */
  readonly partitioner: PartitionerName | 'unknown' | 'function'
}

/** Reads them from the meta that the runtime keeps with each stream: `{"key":"string","value":"json",...}`. */
export function streamSerdes(stream: StreamInfo): StreamSerdes {
  const meta = parse(stream)
  return {
    key: serdeOrBytes(nameOf(meta['key']), versionOf(meta['keyVersion'])),
    value: serdeOrBytes(nameOf(meta['value']), versionOf(meta['valueVersion'])),
    partitioner: partitionerOf(meta['partitioner']),
  }
}

function parse(stream: StreamInfo): Readonly<Record<string, unknown>> {
  if (stream.meta === '') return {}
  try {
    const meta: unknown = JSON.parse(stream.meta)
    return typeof meta === 'object' && meta !== null ? (meta as Readonly<Record<string, unknown>>) : {}
  } catch (cause) {
    throw new TidemarkError('ERR_LOG_CORRUPT', `the description of stream "${stream.name}" is not JSON`, {
      cause,
      details: { stream: stream.name },
    })
  }
}

function partitionerOf(value: unknown): StreamSerdes['partitioner'] {
  return (
    PARTITIONER_NAMES.find((name) => name === value) ??
    (value === 'function' || value === 'unknown' ? value : 'murmur2')
  )
}

function nameOf(value: unknown): string {
  return typeof value === 'string' ? value : 'bytes'
}

function versionOf(value: unknown): number {
  return typeof value === 'number' ? value : 1
}
