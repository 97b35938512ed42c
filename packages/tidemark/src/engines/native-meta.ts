import { TidemarkError } from '../errors/error.ts'
import { newerFormat, olderFormat } from '../lsm/format.ts'
import type { StoreDescriptor } from '../store/types.ts'
import type { NativeDatabase } from './native.ts'
import { isSealed, SUM_BYTES } from './value-sums.ts'

/**
 * Keys of a database: the number of the store in two bytes, then the key. Number 0 is Tidemark's own: its one key holds
 * the meta, written in the same batch as the entries, so that both are of one checkpoint (C1).
 */
export const META_KEY: Uint8Array = Buffer.from([0, 0])
/** Version 2 has checksums of ours behind the values; engines that check their own are at 1. */
const PLAIN_VERSION = 1
const SEALED_VERSION = 2
const MAX_STORES = 65_534

export interface StoreMeta {
  readonly name: string
  readonly number: number
  /** About how many entries it has. */
  readonly entries: number
}

export interface NativeMeta {
  readonly id: number
  readonly descriptors: readonly StoreDescriptor[]
  readonly stores: readonly StoreMeta[]
}

const EMPTY_META: NativeMeta = { id: 0, descriptors: [], stores: [] }

/** The checksum of a sealed one is put behind it as behind any value. */
export function encodeMeta(meta: NativeMeta, sealed: boolean): Uint8Array {
  return Buffer.from(JSON.stringify({ version: sealed ? SEALED_VERSION : PLAIN_VERSION, ...meta }))
}

/**
 * A meta as it is stored; `sealed`: its checksum is behind it. ERR_STATE_CORRUPT when the bytes are no meta, ERR_FORMAT_NEWER
 * when a later version wrote it, ERR_FORMAT_OLDER when one did that this one does not read.
 */
export function decodeMeta(bytes: Uint8Array, location: string, sealed: boolean): NativeMeta {
  if (sealed && !isSealed(META_KEY, bytes)) throw unsealed(bytes, location)
  const known = sealed ? SEALED_VERSION : PLAIN_VERSION
  const read = parse(sealed ? bytes.subarray(0, bytes.length - SUM_BYTES) : bytes, location)
  const { version, id, descriptors, stores } = read
  if (typeof version === 'number' && version > known) throw newerFormat(location, version, known)
  if (version !== known || !Number.isSafeInteger(id) || !Array.isArray(descriptors) || !Array.isArray(stores)) {
    throw damaged(location, undefined)
  }
  return { id: id as number, descriptors, stores }
}

function parse(bytes: Uint8Array, location: string): { readonly version?: unknown } & Partial<NativeMeta> {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<NativeMeta>
  } catch (cause) {
    throw damaged(location, cause)
  }
}

/** Without a checksum a meta is damaged, or of version 1, which had none. */
function unsealed(bytes: Uint8Array, location: string): TidemarkError {
  const { version } = parse(bytes, location)
  return version === PLAIN_VERSION ? olderFormat(location, PLAIN_VERSION, SEALED_VERSION) : damaged(location, undefined)
}

const FIRST_OF_ALL = { from: META_KEY, to: Buffer.from([255, 255, 255]), reverse: false, limit: 1 } as const

/** What a database without a meta is: a new one, which is empty. ERR_STATE_CORRUPT when it has entries. */
export function metaOfEmpty(database: NativeDatabase, location: string): NativeMeta {
  const scan = database.scan(FIRST_OF_ALL)
  try {
    if (scan.next(1).length > 0) throw damaged(location, undefined)
    return EMPTY_META
  } finally {
    scan.close()
  }
}

function damaged(location: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    'ERR_STATE_CORRUPT',
    `the database in ${location} does not say which checkpoint it is of: its meta is damaged. Nothing of it is served: ` +
      'restore the directory, or the whole data directory, from a copy',
    { cause, details: { path: location } },
  )
}

/** The stores of a database with those that are new to it; each keeps its number for ever. */
export function withStores(stores: readonly StoreMeta[], names: Iterable<string>): StoreMeta[] {
  const known = new Set(stores.map(({ name }) => name))
  const all = [...stores]
  for (const name of names) {
    if (known.has(name)) continue
    known.add(name)
    const number = all.reduce((most, store) => Math.max(most, store.number), 0) + 1
    if (number > MAX_STORES) throw new TidemarkError('ERR_INVARIANT', `a task has more than ${MAX_STORES} stores`)
    all.push({ name, number, entries: 0 })
  }
  return all
}
