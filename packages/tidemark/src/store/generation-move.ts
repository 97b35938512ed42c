import { murmur2 } from '../hash/murmur2.ts'
import { compareKeys, entryAt, type ListedEntry, sortedStore } from './entry-list.ts'
import { keyAfter } from './prefix.ts'
import type { Base, SortedStore, StoreDescriptor } from './types.ts'
import type { ValueConverter } from './value-upgrade.ts'

const STEP_ENTRIES = 256
/** So much of the older generations of a store moves with one write, at most. */
export const MOVE_BYTES: number = 4 * 1024 * 1024
const MOST_ENTRIES = 50_000

/** A generation that entries are to leave. */
export interface LeftGeneration {
  readonly descriptor: StoreDescriptor
  /** Null: values stay as they are. */
  readonly converter: ValueConverter | null
  /** All keys before this one have left; null: none has. */
  readonly from: Uint8Array | null
  /** Nothing is left: the next write does not name it any more. */
  readonly ended: boolean
}

/** What one write does to a store with older generations. */
export interface PlannedMove {
  readonly stores: readonly SortedStore[]
  /** What is left then. */
  readonly left: readonly LeftGeneration[]
}

/**
 * Plans a write of `changes` (null: there are none) to a store with older generations: the changes go to `current`, their
 * keys leave the older ones, and some more entries move, about `mostBytes`, so that each key stays in one generation. In
 * steps.
 */
export function* planMove(
  base: Base,
  current: string,
  older: readonly LeftGeneration[],
  changes: SortedStore | null,
  mostBytes: number,
): Generator<void, PlannedMove> {
  const changed: ListedEntry[] = []
  if (changes !== null) {
    while (changes.cursor.next()) if (changed.push(entryAt(changes.cursor)) % STEP_ENTRIES === 0) yield
  }
  const moved: ListedEntry[] = []
  const stores: SortedStore[] = []
  const left: LeftGeneration[] = []
  for (const generation of older) {
    if (generation.ended) continue
    const { name } = generation.descriptor
    const overwritten = yield* keysOf(base, name, changed)
    // One at a time, so that what moves is sorted.
    const from = left.length === 0 ? yield* moveSome(base, generation, changed, moved, mostBytes) : generation.from
    const gone = left.length === 0 ? moved.map(deletionOf) : []
    if (gone.length + overwritten.length > 0) stores.push(sortedStore(name, gone, overwritten))
    left.push({ ...generation, from, ended: left.length === 0 && from === null })
  }
  if (changed.length + moved.length > 0) stores.push(sortedStore(current, changed, moved))
  return { stores, left }
}

function deletionOf({ key, hash }: ListedEntry): ListedEntry {
  return { key, hash, value: null }
}

/** Deletions of those keys that a generation has. */
function* keysOf(base: Base, name: string, changed: readonly ListedEntry[]): Generator<void, ListedEntry[]> {
  const there: ListedEntry[] = []
  for (let i = 0; i < changed.length; i++) {
    const entry = changed[i] as ListedEntry
    if (base.get(name, entry.key, 0, entry.key.length, entry.hash) === 1) there.push(deletionOf(entry))
    if (i % STEP_ENTRIES === STEP_ENTRIES - 1) yield
  }
  return there
}

/**
 * Adds the next entries of a generation to `moved`, but for those that are changed; returns the key to go on from, null
 * when the end was reached: then what is not in `moved` or changed is before it.
 */
function* moveSome(
  base: Base,
  generation: LeftGeneration,
  changed: readonly ListedEntry[],
  moved: ListedEntry[],
  mostBytes: number,
): Generator<void, Uint8Array | null> {
  const { descriptor, converter, from } = generation
  const entries = base.scan(descriptor.name, { from, to: null, reverse: false, limit: Number.POSITIVE_INFINITY })
  let bytes = 0
  let at = 0
  try {
    for (let count = 1; entries.next(); count++) {
      const key = entries.key.slice()
      while (at < changed.length && compareKeys((changed[at] as ListedEntry).key, key) < 0) at++
      const isChanged = at < changed.length && compareKeys((changed[at] as ListedEntry).key, key) === 0
      if (!isChanged) {
        const value = converted(converter, entries.valueBytes, entries.valueStart, entries.valueEnd)
        moved.push({ key, hash: murmur2(key), value })
        bytes += key.length + value.length
      }
      if (bytes >= mostBytes || count >= MOST_ENTRIES) return keyAfter(key)
      if (count % STEP_ENTRIES === 0) yield
    }
    return null
  } finally {
    entries.close()
  }
}

function converted(converter: ValueConverter | null, bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (converter === null) return bytes.slice(start, end)
  converter.convert(bytes, start, end)
  return converter.bytes.slice(0, converter.end)
}
