import type { ByteRange } from '../store/types.ts'
import { loadBinding } from './load-binding.ts'
import { bucketOf, changeBucket, findInBucket, isBucket, isLong, readBucket, wholeKey } from './long-keys.ts'
import type {
  NativeDatabase,
  NativeEngine,
  NativeOptions,
  NativeScan,
  NativeWriter,
  OpenedNative,
  Rows,
} from './native.ts'

/** What is used of lmdb. */
interface Lmdb {
  getBinaryFast(key: Uint8Array): Uint8Array | undefined
  getRange(options: object): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  useReadTransaction(): { done(): void }
  resetReadTxn(): void
  putSync(key: Uint8Array, value: Uint8Array): void
  removeSync(key: Uint8Array): boolean
  transactionSync(action: () => void): void
  getStats(): { readonly pageSize: number; readonly lastPageNumber: number; readonly entryCount: number }
  close(): Promise<void>
}

interface LmdbBinding {
  open(options: object): Lmdb
}

function openLmdb(location: string, readOnly: boolean): Lmdb {
  return (loadBinding('lmdb') as LmdbBinding).open({
    path: location,
    readOnly,
    keyEncoding: 'binary',
    encoding: 'binary',
    cache: false,
    compression: false,
    // A commit is on disk when it returns.
    overlappingSync: false,
    noMemInit: true,
  })
}

/**
 * LMDB by the package lmdb. Reads are synchronous, from the memory map; a range reads in a read transaction of its own.
 * Any number of processes may read beside the owner. It needs no tuning but for not encoding, caching or compressing.
 */
export const LMDB: NativeEngine = {
  name: 'lmdb',
  sealed: true,
  currentFile: 'data.mdb',
  readers: 'shared',
  isTable: () => false,
  isJournal: () => false,

  open({ location, readOnly }: NativeOptions): Promise<OpenedNative> {
    return Promise.resolve({ database: new LmdbDatabase(openLmdb(location, readOnly)), attachment: location })
  },

  attach(attachment: unknown): Promise<NativeWriter> {
    return Promise.resolve(new LmdbWriter(openLmdb(attachment as string, false)))
  },
}

/** The value of a key. The package reuses one buffer, whose own length is not that of the value. */
function read(lmdb: Lmdb, key: Uint8Array): Uint8Array | undefined {
  const value = lmdb.getBinaryFast(key)
  return value?.subarray(0, value.length)
}

class LmdbDatabase implements NativeDatabase {
  readonly #lmdb: Lmdb

  constructor(lmdb: Lmdb) {
    this.#lmdb = lmdb
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (!isLong(key)) return read(this.#lmdb, key)
    const bucket = read(this.#lmdb, bucketOf(key))
    return bucket === undefined ? undefined : findInBucket(bucket, key)
  }

  scan(range: ByteRange): NativeScan {
    return new LmdbScan(this.#lmdb, range)
  }

  refresh(): void {
    this.#lmdb.resetReadTxn()
  }

  statistics(): { readonly files: number; readonly bytes: number } {
    const { pageSize, lastPageNumber } = this.#lmdb.getStats()
    return { files: 1, bytes: pageSize * (lastPageNumber + 1) }
  }

  /** A pointer or a key that has changed hides entries: whether as many can be walked over, in order, as were put. */
  verify(): void {
    for (;;) {
      const before = this.#entryCount()
      const walked = this.#walk(before)
      // Its owner may have written meanwhile.
      if (before !== this.#entryCount()) continue
      if (walked === before) return
      throw new Error(`corrupt pages: ${before} entries were put, and ${walked} can be found in order`)
    }
  }

  #entryCount(): number {
    this.#lmdb.resetReadTxn()
    return this.#lmdb.getStats().entryCount
  }

  /** How many entries can be walked over until one is not in order, or until there are more than `most`. */
  #walk(most: number): number {
    let last: Uint8Array | null = null
    let count = 0
    for (const { key } of this.#lmdb.getRange({})) {
      if (count > most || (last !== null && Buffer.compare(last, key) >= 0)) break
      last = key
      count++
    }
    return count
  }

  close(): Promise<void> {
    return this.#lmdb.close()
  }
}

class LmdbScan implements NativeScan {
  readonly #range: ByteRange
  readonly #transaction: { done(): void }
  readonly #rows: Iterator<{ readonly key: Uint8Array; readonly value: Uint8Array }>
  #left: number
  #open = true

  constructor(lmdb: Lmdb, range: ByteRange) {
    this.#range = range
    this.#left = range.limit
    const from = range.from as Uint8Array
    const to = range.to as Uint8Array
    // Wider than asked by the buckets at its ends, whose keys are compared one by one.
    const low = isLong(from) ? bucketOf(from) : from
    const high = isLong(to) ? bucketOf(to) : to
    lmdb.resetReadTxn()
    const transaction = lmdb.useReadTransaction()
    this.#transaction = transaction
    const ends = range.reverse
      ? { start: high, end: low, inclusiveEnd: true, exclusiveStart: !isLong(to) }
      : { start: low, end: high, inclusiveEnd: isLong(to) }
    this.#rows = lmdb.getRange({ ...ends, reverse: range.reverse, transaction })[Symbol.iterator]()
  }

  next(limit: number): Rows {
    const rows: Uint8Array[] = []
    while (this.#open && rows.length < 2 * limit && this.#left > 0) {
      const step = this.#rows.next()
      if (step.done === true) break
      const { key, value } = step.value
      if (isBucket(key)) this.#addBucket(rows, key, value)
      else this.#add(rows, key, value)
    }
    return rows
  }

  #addBucket(rows: Uint8Array[], bucket: Uint8Array, value: Uint8Array): void {
    const { from, to, reverse } = this.#range
    const entries = readBucket(value)
    if (reverse) entries.reverse()
    for (const entry of entries) {
      const key = wholeKey(bucket, entry.rest)
      const inside = Buffer.compare(key, from as Uint8Array) >= 0 && Buffer.compare(key, to as Uint8Array) < 0
      if (inside) this.#add(rows, key, entry.value)
    }
  }

  #add(rows: Uint8Array[], key: Uint8Array, value: Uint8Array): void {
    if (this.#left <= 0) return
    this.#left--
    rows.push(key, value)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#rows.return?.()
    this.#transaction.done()
  }
}

/** What was put and deleted is kept until `commit`, which does it all in one transaction. */
class LmdbWriter implements NativeWriter {
  readonly #lmdb: Lmdb
  #changes: (Uint8Array | null)[] = []

  constructor(lmdb: Lmdb) {
    this.#lmdb = lmdb
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#changes.push(key, value)
  }

  delete(key: Uint8Array): void {
    this.#changes.push(key, null)
  }

  commit(): void {
    const changes = this.#changes
    this.#changes = []
    const lmdb = this.#lmdb
    lmdb.transactionSync(() => {
      for (let i = 0; i < changes.length; i += 2) {
        this.#change(changes[i] as Uint8Array, changes[i + 1] as Uint8Array | null)
      }
    })
  }

  #change(key: Uint8Array, value: Uint8Array | null): void {
    const long = isLong(key)
    const at = long ? bucketOf(key) : key
    const content = long ? changeBucket(read(this.#lmdb, at), key, value) : value
    if (content === null) this.#lmdb.removeSync(at)
    else this.#lmdb.putSync(at, content)
  }

  discard(): void {
    this.#changes = []
  }

  answer(): Promise<unknown> {
    return Promise.resolve(null)
  }

  close(): Promise<void> {
    return this.#lmdb.close()
  }
}
