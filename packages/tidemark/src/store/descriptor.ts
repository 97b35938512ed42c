import { TidemarkError } from '../errors/error.ts'
import { serdeByName } from '../serde/by-name.ts'
import type { ByteReader } from '../serde/byte-reader.ts'
import type { ByteWriter } from '../serde/byte-writer.ts'
import type { Discipline, Serde } from '../serde/serde.ts'
import { storedSerde } from './stored-serde.ts'
import type { StoreDescriptor, StoreKind, StoreSpec, StoreTtl } from './types.ts'

const DISCIPLINES: readonly Discipline[] = ['immutable', 'frozen', 'copied']
const TIMES: readonly StoreTtl['time'][] = ['event', 'processing']
/** In the byte of the discipline: a TTL follows at the end. */
const HAS_TTL = 0x10
/** In the byte of the discipline, two bits: how keys map to partitions. */
const PARTITION_SHIFT = 5
const PARTITION_BITS = 0x60
const PARTITIONINGS = ['identity', 'opaque', 'function'] as const
const KINDS: readonly StoreKind[] = ['kv', 'windows', 'session', 'versioned', 'counter', 'list', 'set']

/** A store as it is written down beside its data. */
export function describe(spec: StoreSpec): StoreDescriptor {
  return {
    name: spec.name,
    kind: spec.kind,
    key: spec.key.name,
    keyVersion: spec.key.version,
    value: spec.value.name,
    valueVersion: spec.value.version,
    discipline: spec.value.discipline,
    retentionMs: spec.retentionMs,
    windowSizeMs: spec.windowSizeMs,
    ttl: spec.ttl ?? null,
    partitionBy: typeof spec.partitionBy === 'function' ? 'function' : (spec.partitionBy ?? 'identity'),
  }
}

/**
 * A store that tools can read without the job, with Tidemark's own serdes by name. ERR_SERDE_UNKNOWN for a serde of the
 * job's own: use `specWithSerdes` for these.
 */
export function specFromDescriptor(descriptor: StoreDescriptor): StoreSpec {
  return specWithSerdes(descriptor, serdeByName)
}

/** As specFromDescriptor, with serdes from `serdeOf` (by name and version). */
export function specWithSerdes(
  descriptor: StoreDescriptor,
  serdeOf: (name: string, version: number) => Serde<unknown>,
): StoreSpec {
  const { name, kind, retentionMs, windowSizeMs } = descriptor
  const ttl = descriptor.ttl ?? null
  const key = serdeOf(descriptor.key, descriptor.keyVersion)
  const value = storedSerde(kind, serdeOf(descriptor.value, descriptor.valueVersion))
  return { name, kind, key, value, retentionMs, windowSizeMs, ttl }
}

/**
 * Throws ERR_STORE_MISMATCH if data written under `written` cannot be read as `declared` says. Retention and the
 * duration of a TTL may change; kind, serdes, their versions, the window size, and whether there is a TTL and by which
 * time, may not.
 */
export function assertSameStore(declared: StoreDescriptor, written: StoreDescriptor, task: string): void {
  const now = dataShape(declared)
  const then = dataShape(written)
  if (now === then) return
  throw new TidemarkError(
    'ERR_STORE_MISMATCH',
    `store ${declared.name} of task ${task} is declared as ${now}, but its data was written as ${then}. ` +
      'Change the declaration back, or give the store a new name (the old data stays until it is dropped)',
    { details: { store: declared.name, task, declared: now, written: then } },
  )
}

function dataShape(store: StoreDescriptor): string {
  const size =
    store.kind === 'windows'
      ? `, windows of ${store.windowSizeMs === null ? 'any size' : `${store.windowSizeMs} ms`}`
      : ''
  const { ttl } = store
  const ends = ttl === undefined || ttl === null ? '' : ` with a TTL by ${ttl.time} time`
  return `${store.kind} of ${store.key} v${store.keyVersion} to ${store.value} v${store.valueVersion}${size}${ends}`
}

/** Appends a descriptor. */
export function writeDescriptor(store: StoreDescriptor, out: ByteWriter): void {
  out.text(store.name)
  out.u8(KINDS.indexOf(store.kind))
  out.text(store.key)
  out.varuint(store.keyVersion)
  out.text(store.value)
  out.varuint(store.valueVersion)
  const ttl = store.ttl ?? null
  const partitioning = PARTITIONINGS.indexOf(store.partitionBy ?? 'identity') << PARTITION_SHIFT
  out.u8(DISCIPLINES.indexOf(store.discipline) | (ttl === null ? 0 : HAS_TTL) | partitioning)
  writeOptional(store.retentionMs, out)
  writeOptional(store.windowSizeMs, out)
  if (ttl === null) return
  out.u8(TIMES.indexOf(ttl.time))
  out.varuint(ttl.durationMs)
}

/** Reads what writeDescriptor wrote; undefined if it is malformed. */
export function readDescriptor(from: ByteReader): StoreDescriptor | undefined {
  const name = from.text()
  const kind = KINDS[from.u8()]
  const key = from.text()
  const keyVersion = from.varuint()
  const value = from.text()
  const valueVersion = from.varuint()
  const bits = from.u8()
  const discipline = DISCIPLINES[bits & ~(HAS_TTL | PARTITION_BITS)]
  const partitionBy = PARTITIONINGS[(bits & PARTITION_BITS) >> PARTITION_SHIFT]
  const retentionMs = readOptional(from)
  const windowSizeMs = readOptional(from)
  const ttl = (bits & HAS_TTL) === 0 ? null : readTtl(from)
  if (kind === undefined || discipline === undefined || ttl === undefined || partitionBy === undefined) return undefined
  return { name, kind, key, keyVersion, value, valueVersion, discipline, retentionMs, windowSizeMs, ttl, partitionBy }
}

function readTtl(from: ByteReader): StoreTtl | undefined {
  const time = TIMES[from.u8()]
  const durationMs = from.varuint()
  return time === undefined ? undefined : { durationMs, time }
}

function writeOptional(value: number | null, out: ByteWriter): void {
  out.varuint(value === null ? 0 : value + 1)
}

function readOptional(from: ByteReader): number | null {
  const value = from.varuint()
  return value === 0 ? null : value - 1
}
