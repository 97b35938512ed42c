import type { ByteRange } from '../store/types.ts'
import type { EngineThread } from './engine-thread.ts'
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

/** What is used of classic-level. */
interface ClassicLevel {
  open(): Promise<void>
  close(): Promise<void>
  getProperty(name: string): string
  getSync(key: Uint8Array): Uint8Array | undefined
  iterator(options: object): LevelIterator
  batch(): LevelBatch
}

interface LevelIterator {
  nextv(count: number): Promise<[Uint8Array, Uint8Array][]>
  close(): Promise<void>
}

interface LevelBatch {
  put(key: Uint8Array, value: Uint8Array): LevelBatch
  del(key: Uint8Array): LevelBatch
  write(options: { readonly sync: boolean }): Promise<void>
  close(): Promise<void>
}

interface LevelBinding {
  readonly ClassicLevel: new (location: string, options: object) => ClassicLevel
}

const MIB = 1024 * 1024
const LEVELS = 7

/** What the reading thread asks the other one, since iterators of classic-level only come as promises. */
type Question =
  | { readonly ask: 'open'; readonly scan: number; readonly range: ByteRange; readonly limit: number }
  | { readonly ask: 'next'; readonly scan: number; readonly limit: number }
  | { readonly ask: 'close'; readonly scan: number }

/** Entries of a scan; the last ones when `ended`: then the thread has closed it already. */
interface Chunk {
  readonly rows: Rows
  readonly ended: boolean
}

/** A chunk ends with the entry that goes beyond. */
const CHUNK_BYTES = MIB

/** An exchange with the thread costs about as much as so many entries; most ranges end with the first. */
const FIRST_ROWS = 64

function isJournal(name: string): boolean {
  return name.endsWith('.log')
}

async function openLevel(location: string, cacheBytes: number): Promise<ClassicLevel> {
  const { ClassicLevel } = loadBinding('leveldb') as LevelBinding
  const level = new ClassicLevel(location, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    multithreading: true,
    cacheSize: cacheBytes,
    writeBufferSize: 16 * MIB,
    maxFileSize: 8 * MIB,
    compression: false,
  })
  await level.open()
  return level
}

/**
 * LevelDB by classic-level. Point reads are synchronous; iterators of the package are not, so a range is read on the
 * thread of the engine, which has the same database open, while this thread waits (docs/adr/0006). Tuned: write buffer of
 * 16 MiB (a flush), larger files, no snappy. The bloom filter of 10 bits a key is the package's own.
 */
export const LEVELDB: NativeEngine = {
  name: 'leveldb',
  sealed: true,
  currentFile: 'CURRENT',
  readers: 'linked',
  isTable: (name) => name.endsWith('.ldb') || name.endsWith('.sst'),
  isJournal,
  check: (disk, directory) => checkDatabase(disk, directory, isJournal),

  async open({ location, cacheBytes }: NativeOptions, thread: EngineThread): Promise<OpenedNative> {
    const level = await openLevel(location, cacheBytes)
    return { database: new LevelDatabase(level, thread, location), attachment: { location, cacheBytes } }
  },

  async attach(attachment: unknown): Promise<NativeWriter> {
    const { location, cacheBytes } = attachment as { readonly location: string; readonly cacheBytes: number }
    return new LevelWriter(await openLevel(location, cacheBytes))
  },
}

/** How many entries a scan that begins has in all. */
function limitOf(question: Question): number {
  return question.ask === 'open' ? question.range.limit : Number.POSITIVE_INFINITY
}

class LevelDatabase implements NativeDatabase {
  readonly #level: ClassicLevel
  readonly #thread: EngineThread
  readonly #location: string
  #scans = 0

  constructor(level: ClassicLevel, thread: EngineThread, location: string) {
    this.#level = level
    this.#thread = thread
    this.#location = location
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#level.getSync(key)
  }

  scan(range: ByteRange): NativeScan {
    const scan = ++this.#scans
    const limit = Math.min(FIRST_ROWS, range.limit)
    return new LevelScan(this.#thread, this.#location, { ask: 'open', scan, range, limit })
  }

  refresh(): void {
    // Both threads use one database.
  }

  statistics(): { readonly files: number; readonly bytes: number } {
    let files = 0
    for (let level = 0; level < LEVELS; level++) {
      files += Number(this.#level.getProperty(`leveldb.num-files-at-level${level}`)) || 0
    }
    // Lines of level, files, size in MB, and times: the package has no other property with sizes.
    let megabytes = 0
    for (const line of this.#level.getProperty('leveldb.stats').split('\n')) {
      const match = /^\s*\d+\s+\d+\s+([\d.]+)\s/.exec(line)
      if (match !== null) megabytes += Number(match[1])
    }
    return { files, bytes: Math.round(megabytes * MIB) }
  }

  close(): Promise<void> {
    return this.#level.close()
  }
}

class LevelScan implements NativeScan {
  readonly #thread: EngineThread
  readonly #location: string
  readonly #scan: number
  #chunk: Chunk
  #used = false

  constructor(thread: EngineThread, location: string, open: Question) {
    this.#thread = thread
    this.#location = location
    this.#scan = open.scan
    this.#chunk = thread.askNow(location, open) as Chunk
  }

  next(limit: number): Rows {
    if (this.#used) {
      if (this.#chunk.ended) return []
      const question: Question = { ask: 'next', scan: this.#scan, limit }
      this.#chunk = this.#thread.askNow(this.#location, question) as Chunk
    }
    this.#used = true
    return this.#chunk.rows
  }

  close(): void {
    if (this.#chunk.ended) return
    this.#chunk = { rows: [], ended: true }
    const question: Question = { ask: 'close', scan: this.#scan }
    // Nobody waits for it; the writer closes what is left when it is detached.
    this.#thread.ask({ op: 'ask', location: this.#location, question }).catch(() => {})
  }
}

class LevelWriter implements NativeWriter {
  readonly #level: ClassicLevel
  #batch: LevelBatch
  readonly #scans = new Map<number, LevelIterator>()

  constructor(level: ClassicLevel) {
    this.#level = level
    this.#batch = level.batch()
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#batch.put(key, value)
  }

  delete(key: Uint8Array): void {
    this.#batch.del(key)
  }

  async commit(): Promise<void> {
    const batch = this.#batch
    this.#batch = this.#level.batch()
    await batch.write({ sync: true })
  }

  discard(): void {
    void this.#batch.close()
    this.#batch = this.#level.batch()
  }

  async answer(question: unknown): Promise<unknown> {
    const asked = question as Question
    if (asked.ask === 'close') return this.#end(asked.scan)
    if (asked.ask === 'open') this.#scans.set(asked.scan, this.#iterate(asked.range))
    const entries = (await this.#scans.get(asked.scan)?.nextv(asked.limit)) ?? []
    // A chunk may be shorter than asked without being the last: when it has more than CHUNK_BYTES.
    let bytes = 0
    for (const [key, value] of entries) bytes += key.length + value.length
    const ended = entries.length < asked.limit ? bytes <= CHUNK_BYTES : limitOf(asked) === entries.length
    if (ended) await this.#end(asked.scan)
    return { rows: entries.flat(), ended } satisfies Chunk
  }

  #iterate({ from, to, reverse, limit }: ByteRange): LevelIterator {
    return this.#level.iterator({
      gte: from,
      lt: to,
      reverse,
      limit: limit === Number.POSITIVE_INFINITY ? -1 : limit,
      highWaterMarkBytes: CHUNK_BYTES,
    })
  }

  async #end(scan: number): Promise<null> {
    const iterator = this.#scans.get(scan)
    this.#scans.delete(scan)
    await iterator?.close()
    return null
  }

  async close(): Promise<void> {
    for (const iterator of this.#scans.values()) await iterator.close()
    await this.#batch.close()
    await this.#level.close()
  }
}
