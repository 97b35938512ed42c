import type { ByteRange } from '../store/types.ts'
import type { EngineThread } from './engine-thread.ts'
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
  | { readonly ask: 'open'; readonly scan: number; readonly range: ByteRange }
  | { readonly ask: 'next'; readonly scan: number; readonly limit: number }
  | { readonly ask: 'close'; readonly scan: number }

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
  currentFile: 'CURRENT',
  readers: 'linked',
  isTable: (name) => name.endsWith('.ldb') || name.endsWith('.sst'),
  isJournal: (name) => name.endsWith('.log'),

  async open({ location, cacheBytes }: NativeOptions, thread: EngineThread): Promise<OpenedNative> {
    const level = await openLevel(location, cacheBytes)
    return { database: new LevelDatabase(level, thread, location), attachment: { location, cacheBytes } }
  },

  async attach(attachment: unknown): Promise<NativeWriter> {
    const { location, cacheBytes } = attachment as { readonly location: string; readonly cacheBytes: number }
    return new LevelWriter(await openLevel(location, cacheBytes))
  },
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
    this.#ask({ ask: 'open', scan, range })
    return {
      next: (limit) => this.#ask({ ask: 'next', scan, limit }) as Rows,
      close: () => {
        this.#ask({ ask: 'close', scan })
      },
    }
  }

  #ask(question: Question): unknown {
    return this.#thread.askNow(this.#location, question)
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
    if (asked.ask === 'open') {
      const { from, to, reverse, limit } = asked.range
      this.#scans.set(
        asked.scan,
        this.#level.iterator({
          gte: from,
          lt: to,
          reverse,
          limit: limit === Number.POSITIVE_INFINITY ? -1 : limit,
          highWaterMarkBytes: MIB,
        }),
      )
      return null
    }
    const iterator = this.#scans.get(asked.scan)
    if (asked.ask === 'next') return (await iterator?.nextv(asked.limit))?.flat() ?? []
    this.#scans.delete(asked.scan)
    await iterator?.close()
    return null
  }

  async close(): Promise<void> {
    for (const iterator of this.#scans.values()) await iterator.close()
    await this.#batch.close()
    await this.#level.close()
  }
}
