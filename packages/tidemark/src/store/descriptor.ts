import { TidemarkError } from '../errors/error.ts'
import { serdeByName } from '../serde/by-name.ts'
import type { ByteReader } from '../serde/byte-reader.ts'
import type { ByteWriter } from '../serde/byte-writer.ts'
import type { Discipline, Serde } from '../serde/serde.ts'
import { storedSerde } from './stored-serde.ts'
import type { StoreDescriptor, StoreKind, StoreSpec, StoreTtl } from './types.ts'
import { upgradeFrom, type ValueUpgrade } from './value-upgrade.ts'

const DISCIPLINES: readonly Discipline[] = ['immutable', 'frozen', 'copied']
const TIMES: readonly StoreTtl['time'][] = ['event', 'processing']
/** In the byte of the discipline: a TTL follows at the end. */
const HAS_TTL = 0x10
/** In the byte of the discipline: the name that the store had before follows at the end. */
const HAS_RENAME = 0x80
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
    ...(spec.renamedFrom === undefined ? {} : { renamedFrom: spec.renamedFrom }),
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
 * How values that were written under `written` become values of the store as it is declared; null if they are that
 * already. Retention and the duration of a TTL may change, and the value's serde where it was made by `upgraded`. Kind,
 * key, window size, and whether there is a TTL and by which time, may not: ERR_STORE_MISMATCH, which says what differs and
 * what to do.
 */
export function assertReadable(
  spec: StoreSpec,
  declared: StoreDescriptor,
  written: StoreDescriptor,
  task: string,
): ValueUpgrade | null {
  if (shapeBesideValue(declared) === shapeBesideValue(written)) {
    const upgrade = upgradeFrom(spec, written)
    if (upgrade !== undefined) return upgrade
  }
  const now = dataShape(declared)
  const then = dataShape(written)
  throw new TidemarkError(
    'ERR_STORE_MISMATCH',
    `store ${declared.name} of task ${task} is declared as ${now}, but its data was written as ${then}. ` +
      wayOut(declared, written),
    { details: { store: declared.name, task, declared: now, written: then } },
  )
}

function wayOut(declared: StoreDescriptor, written: StoreDescriptor): string {
  const { name } = declared
  const otherwise =
    `Change the declaration back, or give the store a new name, which begins empty (the old data stays until ` +
    `tidemark state drop ${name})`
  if (declared.kind !== written.kind) return `A store's kind cannot change. ${otherwise}`
  if (keyShape(declared) !== keyShape(written)) return `The serde of keys cannot change. ${otherwise}`
  if (sizeShape(declared) !== sizeShape(written)) return `The size of windows cannot change. ${otherwise}`
  if (ttlShape(declared) !== ttlShape(written)) {
    return `A TTL cannot be added or taken away, nor go by another time. ${otherwise}`
  }
  if (declared.kind === 'set') return `The serde of a set's members cannot change. ${otherwise}`
  if (written.valueVersion > declared.valueVersion) {
    return (
      'A later version of the job has written it, and values are not turned back. Run that version, or go back to a ' +
      'savepoint of before: tidemark run JOB --from DIRECTORY. Or change the declaration'
    )
  }
  return (
    `Change the declaration back, or say how values are upgraded, as in value: upgraded(${written.value}(), ` +
    `${declared.value}(), old => ...), or give the store a new name (the old data stays until tidemark state drop ${name})`
  )
}

/** What decides whether data can be read as declared; equal for two descriptors: the same data. */
export function dataShape(store: StoreDescriptor): string {
  const value = `${store.value} v${store.valueVersion}`
  return `${store.kind} of ${keyShape(store)} to ${value}${sizeShape(store)}${ttlShape(store)}`
}

function shapeBesideValue(store: StoreDescriptor): string {
  return `${store.kind} of ${keyShape(store)}${sizeShape(store)}${ttlShape(store)}`
}

function keyShape({ key, keyVersion }: StoreDescriptor): string {
  return `${key} v${keyVersion}`
}

function sizeShape({ kind, windowSizeMs }: StoreDescriptor): string {
  if (kind !== 'windows') return ''
  return `, windows of ${windowSizeMs === null ? 'any size' : `${windowSizeMs} ms`}`
}

function ttlShape({ ttl }: StoreDescriptor): string {
  return ttl === undefined || ttl === null ? '' : ` with a TTL by ${ttl.time} time`
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
  const renamed = store.renamedFrom === undefined ? 0 : HAS_RENAME
  out.u8(DISCIPLINES.indexOf(store.discipline) | (ttl === null ? 0 : HAS_TTL) | partitioning | renamed)
  writeOptional(store.retentionMs, out)
  writeOptional(store.windowSizeMs, out)
  if (ttl !== null) {
    out.u8(TIMES.indexOf(ttl.time))
    out.varuint(ttl.durationMs)
  }
  if (store.renamedFrom !== undefined) out.text(store.renamedFrom)
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
  const discipline = DISCIPLINES[bits & ~(HAS_TTL | PARTITION_BITS | HAS_RENAME)]
  const partitionBy = PARTITIONINGS[(bits & PARTITION_BITS) >> PARTITION_SHIFT]
  const retentionMs = readOptional(from)
  const windowSizeMs = readOptional(from)
  const ttl = (bits & HAS_TTL) === 0 ? null : readTtl(from)
  const renamedFrom = (bits & HAS_RENAME) === 0 ? undefined : from.text()
  if (kind === undefined || discipline === undefined || ttl === undefined || partitionBy === undefined) return undefined
  const stored = { name, kind, key, keyVersion, value, valueVersion, discipline, retentionMs, windowSizeMs }
  return { ...stored, ttl, partitionBy, ...(renamedFrom === undefined ? {} : { renamedFrom }) }
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
