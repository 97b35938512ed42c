import { invariant } from '../errors/error.ts'
import type { Base, BaseIterator, ByteRange, SortedStore, Steps, StoreDescriptor } from '../store/types.ts'
import { CountSample } from './count-sample.ts'
import type { EngineRequest, EngineThread } from './engine-thread.ts'
import { diskFullError, nativeError } from './native-error.ts'
import { NativeIterator } from './native-iterator.ts'
import {
  decodeMeta,
  encodeMeta,
  META_KEY,
  metaOfEmpty,
  type NativeMeta,
  type StoreMeta,
  withStores,
} from './native-meta.ts'
import type { NativeDatabase } from './native.ts'
import { EntryPacker } from './packed-entries.ts'
import { StoreKeys, withoutPrefix } from './store-keys.ts'
import { damagedEntry, isSealed, SUM_BYTES } from './value-sums.ts'

/** Entries of a step: well below a millisecond. */
const STEP_ENTRIES = 256
/** Bytes on their way to the thread at most: a flush larger than that waits. */
const MAX_AHEAD = 16

/** The steps of a write between which a crash is tested (C6). */
export const NATIVE_FAILPOINTS = ['engine-before-entries', 'engine-before-commit', 'engine-after-commit'] as const

export type NativeFailpoint = (typeof NATIVE_FAILPOINTS)[number]

export interface NativeBaseOptions {
  readonly engine: string
  readonly location: string
  /** As `NativeEngine.sealed`. */
  readonly sealed: boolean
  readonly database: NativeDatabase
  /** Null for a base that is only read, and by this thread alone. */
  readonly thread: EngineThread | null
  readonly readOnly: boolean
  readonly failpoint: ((name: NativeFailpoint) => void) | null
  /** Bytes that can still be written where the database is. */
  readonly freeBytes: () => number
  /** Closes what else was opened for this base, once the database is closed. */
  readonly afterClose: () => Promise<void>
}

/** A base on a database of a native package. One batch per write holds entries, checkpoint id and descriptors. */
export class NativeBase implements Base {
  valueBytes: Uint8Array = new Uint8Array(0)
  readonly valueStart = 0
  valueEnd = 0
  /** Told when `close` is called, with what settles once the directory is free. */
  onClosing: ((closed: Promise<void>) => void) | null = null
  readonly #options: NativeBaseOptions
  readonly #sealed: boolean
  #meta: NativeMeta
  #stores: ReadonlyMap<string, StoreKeys> = new Map()
  #lastStore: string | null = null
  #lastKeys: StoreKeys | undefined
  readonly #iterators = new Set<NativeIterator>()
  #writing: Promise<void> | null = null
  #busy = false
  #failure: Error | null = null
  /** Settles when all is closed, so that the directory can be opened again. */
  #closed: Promise<void> | null = null

  /** Use `openBase`. ERR_STATE_CORRUPT, ERR_FORMAT_NEWER, ERR_FORMAT_OLDER. */
  constructor(options: NativeBaseOptions) {
    this.#options = options
    this.#sealed = options.sealed
    const { database, location, sealed } = options
    const meta = this.#read(() => database.get(META_KEY))
    this.#meta =
      meta === undefined ? this.#read(() => metaOfEmpty(database, location)) : decodeMeta(meta, location, sealed)
    this.#useStores()
  }

  get id(): number {
    return this.#meta.id
  }

  get descriptors(): readonly StoreDescriptor[] {
    return this.#meta.descriptors
  }

  #useStores(): void {
    this.#stores = new Map(this.#meta.stores.map(({ name, number }) => [name, new StoreKeys(number)]))
    this.#lastStore = null
  }

  #read<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw nativeError(this.#options.engine, 'read', this.#options.location, error)
    }
  }

  get(store: string, key: Uint8Array, start: number, end: number): 0 | 1 | 2 {
    if (store !== this.#lastStore) {
      invariant(this.#closed === null, `a read of store '${store}' comes before the base is closed`)
      this.#lastStore = store
      this.#lastKeys = this.#stores.get(store)
    }
    const keys = this.#lastKeys
    if (keys === undefined) return 0
    const own = keys.key(key, start, end)
    let value: Uint8Array | undefined
    try {
      value = this.#options.database.get(own)
    } catch (error) {
      throw nativeError(this.#options.engine, 'read', this.#options.location, error)
    }
    if (value === undefined) return 0
    this.valueBytes = value
    this.valueEnd = value.length
    if (this.#sealed) {
      if (!isSealed(own, value)) throw this.#damaged(store, withoutPrefix(own))
      this.valueEnd -= SUM_BYTES
    }
    return 1
  }

  #damaged(store: string, key: Uint8Array): Error {
    return damagedEntry(this.#options.engine, this.#options.location, store, key)
  }

  scan(store: string, range: ByteRange): BaseIterator {
    invariant(this.#closed === null, `a scan of store '${store}' comes before the base is closed`)
    const keys = this.#stores.get(store)
    const { from, to, limit } = range
    const empty = limit <= 0 || (from !== null && to !== null && Buffer.compare(from, to) >= 0)
    if (keys === undefined || empty) return new NativeIterator(null, () => {}, null)
    const scan = this.#read(() => this.#options.database.scan(keys.range(range)))
    // Damage may be met only on the way.
    const named = { next: (most: number) => this.#read(() => scan.next(most)), close: () => scan.close() }
    const damaged = this.#sealed ? (key: Uint8Array): Error => this.#damaged(store, key) : null
    const iterator = new NativeIterator(named, (closed) => this.#iterators.delete(closed), damaged)
    this.#iterators.add(iterator)
    return iterator
  }

  /**
   * Writes the entries as one synced batch, on the engine's own thread. With it the state is that of `id`. After an error
   * the base can be read but not written: open it again. ERR_DISK_FULL, ERR_STATE_CORRUPT, ERR_ENGINE.
   */
  *write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    const thread = this.#startWrite(id)
    const { location, failpoint } = this.#options
    try {
      failpoint?.('engine-before-entries')
      const known = withStores(
        this.#meta.stores,
        stores.map(({ name }) => name),
      )
      const batch = new Batch(thread, location, this.#sealed)
      const counted: StoreMeta[] = []
      for (const store of known) {
        const changes = stores.find(({ name }) => name === store.name)
        counted.push(changes === undefined ? store : yield* this.#pack(batch, store, changes))
      }
      const meta: NativeMeta = { id, descriptors, stores: counted }
      batch.add(META_KEY, encodeMeta(meta, this.#sealed))
      yield batch.sent()
      failpoint?.('engine-before-commit')
      // The id moves when the batch is known to be there, not at the next step: content and id are never seen apart, but
      // while the promise is pending.
      this.#writing = batch.commit().then(() => this.#show(meta))
      this.#writing.catch(() => {})
      yield this.#writing
      failpoint?.('engine-after-commit')
    } catch (error) {
      this.#failure = writeError(this.#options, error)
      throw this.#failure
    } finally {
      this.#busy = false
      this.#writing = null
    }
  }

  #show(meta: NativeMeta): void {
    if (this.#closed !== null) return
    this.#options.database.refresh()
    this.#meta = meta
    this.#useStores()
  }

  #startWrite(id: number): EngineThread {
    const { location, thread, readOnly } = this.#options
    invariant(thread !== null && !readOnly, `the base of ${location} is written by its owner only`)
    invariant(this.#closed === null, `a write to the base of ${location} comes before it is closed`)
    invariant(!this.#busy, `the base of ${location} has one write at a time`)
    invariant(id >= this.id, `checkpoint ${id} is not older than ${this.id}, which is in ${location}`)
    if (this.#failure !== null) throw this.#failure
    this.#busy = true
    return thread
  }

  *#pack(batch: Batch, store: StoreMeta, { count, cursor }: SortedStore): Steps<StoreMeta> {
    const keys = new StoreKeys(store.number)
    const sample = new CountSample(count)
    let packed = 0
    while (cursor.next()) {
      const key = keys.key(cursor.keyBytes, cursor.keyStart, cursor.keyEnd)
      if (sample.wants()) sample.saw(this.#options.database.get(key) !== undefined, cursor.present)
      if (cursor.present) batch.add(key, cursor.valueBytes, cursor.valueStart, cursor.valueEnd)
      else batch.delete(key)
      if (++packed % STEP_ENTRIES === 0) yield batch.tooFarAhead() ? batch.sent() : undefined
    }
    return { ...store, entries: Math.max(0, store.entries + sample.growth()) }
  }

  approximateCount(store: string): number {
    return this.#meta.stores.find(({ name }) => name === store)?.entries ?? 0
  }

  /** Looks for damage that hides entries, where reads cannot see it: ERR_STATE_CORRUPT. Reads everything. */
  verify(): void {
    this.#read(() => this.#options.database.verify?.())
  }

  statistics(): { readonly files: number; readonly bytes: number; readonly entries: number } {
    let entries = 0
    for (const store of this.#meta.stores) entries += store.entries
    if (this.#closed !== null) return { files: 0, bytes: 0, entries }
    return { ...this.#read(() => this.#options.database.statistics()), entries }
  }

  /** Ends iterators and closes the database. The directory can be opened again at once: opening waits. */
  close(): void {
    if (this.#closed !== null) return
    this.#closed = this.#close()
    this.onClosing?.(this.#closed)
    // Told to whoever opens the directory again.
    this.#closed.catch(() => {})
  }

  async #close(): Promise<void> {
    const { database, thread, location, afterClose } = this.#options
    for (const iterator of this.#iterators) iterator.close()
    this.#lastStore = null
    this.#stores = new Map()
    // What the batch comes to is told by its own promise.
    await this.#writing?.catch(() => {})
    try {
      await thread?.ask({ op: 'detach', location })
    } finally {
      await database.close()
      await afterClose()
    }
  }
}

/** LMDB calls a write that a full disk has cut short an input/output error. */
const NO_SPACE_BYTES = 1024 * 1024

function writeError({ engine, location, freeBytes }: NativeBaseOptions, error: unknown): Error {
  const named = nativeError(engine, 'write', location, error)
  if (named.code !== 'ERR_ENGINE' || freeBytes() > NO_SPACE_BYTES) return named
  return diskFullError(engine, location, named)
}

/** The entries of one write on their way to the thread. */
class Batch {
  readonly #thread: EngineThread
  readonly #location: string
  readonly #packer: EntryPacker
  #ahead: Promise<unknown>[] = []

  constructor(thread: EngineThread, location: string, sealed: boolean) {
    this.#thread = thread
    this.#location = location
    this.#packer = new EntryPacker({ sealed })
    // What a write that was given up has left.
    this.#ask({ op: 'discard', location })
  }

  #ask(request: EngineRequest): void {
    const answer = this.#thread.ask(request)
    // Told by `sent`; a write that is given up before has nobody to tell.
    answer.catch(() => {})
    this.#ahead.push(answer)
  }

  add(key: Uint8Array, value: Uint8Array, start = 0, end: number = value.length): void {
    this.#packer.add(key, value, start, end)
    if (this.#packer.full) this.#send()
  }

  delete(key: Uint8Array): void {
    this.#packer.add(key, null, 0, 0)
    if (this.#packer.full) this.#send()
  }

  #send(): void {
    if (this.#packer.size === 0) return
    this.#ask({ op: 'entries', location: this.#location, bytes: this.#packer.take() })
  }

  tooFarAhead(): boolean {
    return this.#ahead.length >= MAX_AHEAD
  }

  /** Sends what is left; settles when the thread has all of it. */
  async sent(): Promise<void> {
    this.#send()
    await Promise.all(this.#ahead)
    this.#ahead = []
  }

  async commit(): Promise<void> {
    await this.#thread.ask({ op: 'commit', location: this.#location })
  }
}
