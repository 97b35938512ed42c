import type { StoreEntry, StoreMoment } from '../api/app.ts'
import type { CheckpointRecord } from '../checkpoint/record.ts'
import { murmur2, partitionOf } from '../hash/murmur2.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { Serde } from '../serde/serde.ts'
import { specWithSerdes } from '../store/descriptor.ts'
import { EntryDecoder } from '../store/entry-decoder.ts'
import { prefixEnd } from '../store/prefix.ts'
import { hasSuffix } from '../store/stored-serde.ts'
import type { RawIterator, RawStore, StoreDescriptor, TaskState } from '../store/types.ts'
import { WindowKeys } from '../store/window-key.ts'
import { serdeOrBytes } from './known-serde.ts'

/** One task's part of a store. */
export interface TaskStore {
  readonly task: number
  readonly state: TaskState
  readonly store: RawStore
  /** What the commit that is read says of it: positions and watermarks of the task's inputs. Null: nothing. */
  readonly record: CheckpointRecord | null
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
  /** Windows that end up to this have expired in this task. */
  readonly expiredMs: number
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
  readonly #decoder: EntryDecoder
  /** Where entries have windows. */
  readonly #windows: WindowKeys | null
  /** Makes what the entries of a user's key begin with, in stores of several for each. */
  readonly #prefixes: WindowKeys | null

  constructor(descriptor: StoreDescriptor, tasks: readonly TaskStore[]) {
    this.descriptor = descriptor
    this.keySerde = serdeOrBytes(descriptor.key, descriptor.keyVersion)
    this.#tasks = tasks
    this.#decoder = new EntryDecoder(
      specWithSerdes(descriptor, serdeOrBytes),
      tasks.map(({ store }) => store),
    )
    const { kind, name, windowSizeMs } = descriptor
    this.#windows = kind === 'windows' || kind === 'session' ? new WindowKeys(name, windowSizeMs) : null
    this.#prefixes = hasSuffix(descriptor.kind) ? new WindowKeys(descriptor.name, descriptor.windowSizeMs) : null
  }

  /** About how many entries there are. */
  approximateCount(): number {
    return this.#tasks.reduce((sum, { store }) => sum + store.approximateCount(), 0)
  }

  /**
   * The value of a key; undefined when there is none. Of windows and sessions, give the start; of a versioned store, the
   * time whose value is asked for, or get the newest; of a list or set, all its elements.
   */
  get(key: unknown, at: StoreMoment = {}): unknown {
    if (this.#prefixes !== null) return this.#severalOf(key, at)
    const bytes = this.#encode(key)
    for (const { store } of this.#ownerFirst(bytes)) {
      const value = store.getCommitted(bytes, 0, bytes.length)
      if (value !== undefined) return value
    }
    return undefined
  }

  #severalOf(key: unknown, { start, asOf = Number.POSITIVE_INFINITY }: StoreMoment): unknown {
    const { kind } = this.descriptor
    const entries = this.scan({ key, reverse: kind === 'versioned' })
    if (kind === 'list' || kind === 'set') {
      const values = [...entries].map(({ value }) => value)
      return values.length === 0 ? undefined : values
    }
    for (const { window, atMs, value } of entries) {
      if (kind !== 'versioned' && window?.start === start) return value
      if (kind === 'versioned' && (atMs as number) <= asOf) return value ?? undefined
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
      for (const { store, record } of this.#tasks) {
        const entries = store.rangeCommitted({ ...range, reverse, limit: Number.POSITIVE_INFINITY })
        const expiredMs = expiredWindowsMs(this.descriptor, store, record)
        cursors.push({ entries, expiredMs, more: entries.next() })
      }
      let given = 0
      while (given < limit) {
        const next = first(cursors, reverse)
        if (next === null) return
        const { key, value } = next.entries
        if (!this.#decoder.isHead(key) && !this.#isExpired(key, next.expiredMs)) {
          given++
          yield { key, value }
        }
        next.more = next.entries.next()
      }
    } finally {
      for (const { entries } of cursors) entries.close()
    }
  }

  #isExpired(key: Uint8Array, expiredMs: number): boolean {
    return this.#windows !== null && this.#windows.endOf(key) <= expiredMs
  }

  close(): void {
    for (const { state } of this.#tasks) state.close()
  }

  /** An entry by the bytes of its key. */
  entryOf(bytes: Uint8Array, value: unknown): StoreEntry {
    return this.#decoder.decode(bytes, value)
  }

  #encode(key: unknown): Uint8Array {
    const writer = new ByteWriter(64)
    this.keySerde.write(key, writer)
    return writer.copy()
  }

  /** The bytes that a key's entries start with. */
  #start(user: Uint8Array): Uint8Array {
    if (this.#prefixes === null) return user
    this.#prefixes.encodeKey(user, 0, user.length)
    return this.#prefixes.bytes.slice(0, this.#prefixes.end)
  }

  #range(options: ScanOptions): { from: Uint8Array | null; to: Uint8Array | null } {
    if (options.key !== undefined) {
      const from = this.#start(this.#encode(options.key))
      // A single key of a kv store is followed at once by itself and a zero byte.
      return { from, to: this.#prefixes === null ? Uint8Array.of(...from, 0) : prefixEnd(from) }
    }
    let from = options.from === undefined ? null : this.#start(this.#encode(options.from))
    let to = options.to === undefined ? null : this.#start(this.#encode(options.to))
    if (options.prefix !== undefined && options.prefix.length > 0) {
      const prefix = this.#prefixes === null ? options.prefix : escapeZeros(options.prefix)
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

/**
 * Up to which end windows have expired as of a commit: as the files say, and by the least watermark of the task's inputs.
 * That is never ahead of the one that the job goes by, which leaves out inputs that are idle.
 */
function expiredWindowsMs({ retentionMs }: StoreDescriptor, store: RawStore, record: CheckpointRecord | null): number {
  if (retentionMs === null) return Number.NEGATIVE_INFINITY
  const inputs = Object.values(record?.inputs ?? {})
  const watermarkMs = Math.min(...inputs.map((input) => input.watermarkMs ?? Number.NEGATIVE_INFINITY))
  const byInputs = inputs.length === 0 ? Number.NEGATIVE_INFINITY : watermarkMs - retentionMs
  return Math.max(byInputs, store.windowsExpiredMs ?? Number.NEGATIVE_INFINITY)
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
