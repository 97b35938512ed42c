import { TidemarkError } from '../errors/error.ts'
import type { StoreDescriptor } from '../store/types.ts'

/**
 * Keys of a database: the number of the store in two bytes, then the key. Number 0 is Tidemark's own: its one key holds
 * the meta, written in the same batch as the entries, so that both are of one checkpoint (C1).
 */
export const META_KEY: Uint8Array = Buffer.from([0, 0])
const META_VERSION = 1
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

export const EMPTY_META: NativeMeta = { id: 0, descriptors: [], stores: [] }

export function encodeMeta(meta: NativeMeta): Uint8Array {
  return Buffer.from(JSON.stringify({ version: META_VERSION, ...meta }))
}

/** ERR_STATE_CORRUPT when the bytes are no meta, ERR_FORMAT_NEWER when a later version wrote it. */
export function decodeMeta(bytes: Uint8Array, location: string): NativeMeta {
  let read: { readonly version?: unknown } & Partial<NativeMeta>
  try {
    read = JSON.parse(Buffer.from(bytes).toString('utf8')) as typeof read
  } catch (cause) {
    throw damaged(location, cause)
  }
  const { version, id, descriptors, stores } = read
  if (typeof version === 'number' && version > META_VERSION) {
    throw new TidemarkError(
      'ERR_FORMAT_NEWER',
      `${location} was written by a later version of Tidemark (format ${version}; this one reads up to ${META_VERSION}). ` +
        'Use that version',
      { details: { path: location, version } },
    )
  }
  if (version !== META_VERSION || !Number.isSafeInteger(id) || !Array.isArray(descriptors) || !Array.isArray(stores)) {
    throw damaged(location, undefined)
  }
  return { id: id as number, descriptors, stores }
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
