import type { StoreEntry } from '../api/app.ts'
import { murmur2, partitionOf } from '../hash/murmur2.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { Serde } from '../serde/serde.ts'
import { prefixEnd } from '../store/prefix.ts'
import type { RawIterator, RawStore, StoreDescriptor, TaskState } from '../store/types.ts'
import { WindowKeys } from '../store/window-key.ts'
import { serdeOrBytes } from './known-serde.ts'

/** One task's part of a store. */
export interface TaskStore {
  readonly task: number
  readonly state: TaskState
  readonly store: RawStore
}

/** Which entries a scan gives. Keys are values of the store's key serde; `prefix` is of their encoded bytes. */
export interface ScanOptions {
  /** Only this key (all its windows). */
  readonly key?: unknown
  /** Keys whose encoded bytes start with these. */
  readonly prefix?: Uint8Array
  /** Inclusive. */
  readonly from?: unknown
  /** Exclusive. */
  readonly to?: unknown
  /** Default: all. */
  readonly limit?: number
  readonly reverse?: boolean
}

export interface RawEntry {
  readonly key: Uint8Array
  readonly value: unknown
}

interface Cursor {
  readonly entries: RawIterator
  more: boolean
}

/**
 * A store of all tasks as one, of the committed state: entries come in byte order of their keys, then by window. One
 * reader at a time; close it after use.
 */
export class StoreView {
  readonly descriptor: StoreDescriptor
  readonly keySerde: Serde<unknown>
  readonly #tasks: readonly TaskStore[]
  readonly #windows: WindowKeys | null

  constructor(descriptor: StoreDescriptor, tasks: readonly TaskStore[]) {
    this.descriptor = descriptor
    this.keySerde = serdeOrBytes(descriptor.key, descriptor.keyVersion)
    this.#tasks = tasks
    this.#windows = descriptor.kind === 'windows' ? new WindowKeys(descriptor.name, descriptor.windowSizeMs) : null
  }

  /** About how many entries there are. */
  approximateCount(): number {
    return this.#tasks.reduce((sum, { store }) => sum + store.approximateCount(), 0)
  }

  /** The value of a key, in window stores of the window that starts at `start`; undefined when there is none. */
  get(key: unknown, window?: { readonly start: number }): unknown {
    if (this.#windows !== null && window !== undefined) {
      for (const entry of this.scan({ key })) if (entry.window?.start === window.start) return entry.value
      return undefined
    }
    const bytes = this.#encode(key)
    for (const { store } of this.#ownerFirst(bytes)) {
      const value = store.getCommitted(bytes, 0, bytes.length)
      if (value !== undefined) return value
    }
    return undefined
  }

  /** Entries of all tasks, merged. */
  *scan(options: ScanOptions = {}): Generator<StoreEntry, void> {
    for (const { key, value } of this.rawEntries(options)) yield this.entryOf(key, value)
  }

  /** As `scan`, with keys as their bytes (valid until the next entry). */
  *rawEntries(options: ScanOptions = {}): Generator<RawEntry, void> {
    const range = this.#range(options)
    const reverse = options.reverse ?? false
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    const cursors: Cursor[] = []
    try {
      for (const { store } of this.#tasks) {
        const entries = store.rangeCommitted({ ...range, reverse, limit: Number.POSITIVE_INFINITY })
        cursors.push({ entries, more: entries.next() })
      }
      for (let given = 0; given < limit; given++) {
        const next = first(cursors, reverse)
        if (next === null) return
        yield { key: next.entries.key, value: next.entries.value }
        next.more = next.entries.next()
      }
    } finally {
      for (const { entries } of cursors) entries.close()
    }
  }

  close(): void {
    for (const { state } of this.#tasks) state.close()
  }

  /** An entry by the bytes of its key. */
  entryOf(bytes: Uint8Array, value: unknown): StoreEntry {
    if (this.#windows === null) return { key: this.keySerde.read(bytes, 0, bytes.length), value }
    const user = this.#windows.userKeyOf(bytes)
    const window = { start: this.#windows.startOf(bytes), end: this.#windows.endOf(bytes) }
    return { key: this.keySerde.read(user, 0, user.length), value, window }
  }

  #encode(key: unknown): Uint8Array {
    const writer = new ByteWriter(64)
    this.keySerde.write(key, writer)
    return writer.copy()
  }

  /** The bytes that a key's entries start with. */
  #start(user: Uint8Array): Uint8Array {
    if (this.#windows === null) return user
    this.#windows.encodeKey(user, 0, user.length)
    return this.#windows.bytes.slice(0, this.#windows.end)
  }

  #range(options: ScanOptions): { from: Uint8Array | null; to: Uint8Array | null } {
    if (options.key !== undefined) {
      const from = this.#start(this.#encode(options.key))
      // A single key of a kv store is followed at once by itself and a zero byte.
      return { from, to: this.#windows === null ? Uint8Array.of(...from, 0) : prefixEnd(from) }
    }
    let from = options.from === undefined ? null : this.#start(this.#encode(options.from))
    let to = options.to === undefined ? null : this.#start(this.#encode(options.to))
    if (options.prefix !== undefined && options.prefix.length > 0) {
      const prefix = this.#windows === null ? options.prefix : escapeZeros(options.prefix)
      const end = prefixEnd(prefix)
      if (from === null || Buffer.compare(prefix, from) > 0) from = prefix
      if (to === null || (end !== null && Buffer.compare(end, to) < 0)) to = end
    }
    return { from, to }
  }

  /** The task that owns the key by its hash, then the others: a task of one's own may keep keys where it likes. */
  #ownerFirst(bytes: Uint8Array): TaskStore[] {
    const owner = partitionOf(murmur2(bytes), this.#tasks.length)
    return [...this.#tasks].sort((a, b) => Number(b.task === owner) - Number(a.task === owner))
  }
}

/** A prefix of a user's key as window keys write it (see WindowKeys). */
function escapeZeros(bytes: Uint8Array): Uint8Array {
  const escaped: number[] = []
  for (const byte of bytes) escaped.push(...(byte === 0 ? [0, 0xff] : [byte]))
  return Uint8Array.from(escaped)
}

function first(cursors: readonly Cursor[], reverse: boolean): Cursor | null {
  let best: Cursor | null = null
  for (const cursor of cursors) {
    if (!cursor.more) continue
    if (best === null) {
      best = cursor
      continue
    }
    const order = Buffer.compare(cursor.entries.key, best.entries.key)
    if (reverse ? order > 0 : order < 0) best = cursor
  }
  return best
}
