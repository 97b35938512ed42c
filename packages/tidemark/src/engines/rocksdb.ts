/* oxlint-disable no-underscore-dangle -- the synchronous calls of the package are named so */
import type { ByteRange } from '../store/types.ts'
import { checkDatabase } from './check-database.ts'
import { loadBinding } from './load-binding.ts'
import type {
  NativeDatabase,
  NativeEngine,
  NativeOptions,
  NativeScan,
  NativeWriter,
  OpenedNative,
  Rows,
} from './native.ts'

/** What is used of @nxtedition/rocksdb. Its synchronous calls are those with an underscore and `Sync`. */
interface RocksLevel {
  open(options: object): Promise<void>
  close(): Promise<void>
  getProperty(name: string): string
  readonly handle: bigint
  _getManySync(keys: readonly Uint8Array[], options: object): (Uint8Array | undefined)[]
  _iterator(options: object): RocksIterator
  _chainedBatch(): RocksBatch
}

interface RocksIterator {
  _nextvSync(count: number): { readonly rows: Uint8Array[]; readonly finished: boolean }
  _closeSync(): void
}

interface RocksBatch {
  _put(key: Uint8Array, value: Uint8Array): void
  _del(key: Uint8Array): void
  _writeSync(options: { readonly sync: boolean }): void
  _clear(): void
  _closeSync(): void
}

interface RocksBinding {
  readonly RocksLevel: new (location: string | bigint, options: object) => RocksLevel
}

const BUFFERS = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
const GET = { fillCache: true, valueEncoding: 'buffer' } as const

function isJournal(name: string): boolean {
  return name.endsWith('.log')
}

function binding(): RocksBinding {
  return loadBinding('rocksdb') as RocksBinding
}

/**
 * RocksDB by @nxtedition/rocksdb. Tuned: bloom filter of 10 bits a key, hash index in blocks for point reads, a block
 * cache of the size that the container gives, no compression by zstd (the default of the package, which costs more than
 * it saves on small values). Its journal stays on: the one synced batch of a flush is durable by it.
 */
export const ROCKSDB: NativeEngine = {
  name: 'rocksdb',
  // It checks each block that it reads (`verify_checksums`, which is on by default and which the package leaves alone).
  sealed: false,
  currentFile: 'CURRENT',
  readers: 'linked',
  isTable: (name) => name.endsWith('.sst'),
  isJournal,
  check: (disk, directory) => checkDatabase(disk, directory, isJournal),

  async open({ location, cacheBytes }: NativeOptions): Promise<OpenedNative> {
    const { RocksLevel } = binding()
    const level = new RocksLevel(location, BUFFERS)
    await level.open({
      createIfMissing: true,
      cacheSize: Math.min(cacheBytes, 0x7fff_ffff),
      compression: false,
      walCompression: false,
      optimize: 'point-lookup',
      filterPolicy: 'bloomfilter:10',
      parallelism: 2,
    })
    return { database: new RocksDatabase(level), attachment: level.handle }
  },

  async attach(attachment: unknown): Promise<NativeWriter> {
    const { RocksLevel } = binding()
    const level = new RocksLevel(attachment as bigint, BUFFERS)
    await level.open({})
    return new RocksWriter(level)
  },
}

class RocksDatabase implements NativeDatabase {
  readonly #level: RocksLevel
  readonly #one: Uint8Array[] = [new Uint8Array(0)]

  constructor(level: RocksLevel) {
    this.#level = level
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#one[0] = key
    return this.#level._getManySync(this.#one, GET)[0]
  }

  scan({ from, to, reverse, limit }: ByteRange): NativeScan {
    const options = { ...BUFFERS, gte: from, lt: to, reverse, limit: limit === Number.POSITIVE_INFINITY ? -1 : limit }
    return new RocksScan(this.#level._iterator(options))
  }

  refresh(): void {
    // Both threads use one database.
  }

  statistics(): { readonly files: number; readonly bytes: number } {
    let files = 0
    for (let level = 0; level < 7; level++) {
      files += Number(this.#level.getProperty(`rocksdb.num-files-at-level${level}`)) || 0
    }
    const tables = Number(this.#level.getProperty('rocksdb.total-sst-files-size')) || 0
    const memory = Number(this.#level.getProperty('rocksdb.cur-size-all-mem-tables')) || 0
    return { files, bytes: tables + memory }
  }

  close(): Promise<void> {
    return this.#level.close()
  }
}

class RocksScan implements NativeScan {
  readonly #iterator: RocksIterator
  #finished = false

  constructor(iterator: RocksIterator) {
    this.#iterator = iterator
  }

  next(limit: number): Rows {
    if (this.#finished) return []
    const { rows, finished } = this.#iterator._nextvSync(limit)
    this.#finished = finished
    return rows
  }

  close(): void {
    this.#finished = true
    this.#iterator._closeSync()
  }
}

class RocksWriter implements NativeWriter {
  readonly #level: RocksLevel
  #batch: RocksBatch

  constructor(level: RocksLevel) {
    this.#level = level
    this.#batch = level._chainedBatch()
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#batch._put(key, value)
  }

  delete(key: Uint8Array): void {
    this.#batch._del(key)
  }

  commit(): void {
    this.#batch._writeSync({ sync: true })
    this.discard()
  }

  discard(): void {
    this.#batch._closeSync()
    this.#batch = this.#level._chainedBatch()
  }

  answer(): Promise<unknown> {
    return Promise.resolve(null)
  }

  close(): void {
    // The container's thread owns the database; only the batch is ours.
    this.#batch._closeSync()
  }
}
