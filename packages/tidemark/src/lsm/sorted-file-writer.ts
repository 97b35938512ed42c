import type { Disk } from '../disk/disk.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { SortedCursor, SortedStore, Steps } from '../store/types.ts'
import { BlockWriter } from './block-writer.ts'
import { type Compression, compressionOf } from './codec.ts'
import { FileOutput } from './file-output.ts'
import { encodeFooter } from './format.ts'
import { SectionWriter } from './section-writer.ts'
import type { FileEntry, SectionEntry } from './manifest.ts'

/** A step ends after this many entries or bytes, whichever comes first: well below a millisecond of work. */
const STEP_ENTRIES = 512
const STEP_BYTES = 64 * 1024
/** The file is synced as it grows, so that no single sync has much to do. */
const SYNC_BYTES = 8 * 1024 * 1024

/** Tells whether entries below those being written may hold a key; if not, its deletion need not be kept. */
export interface OlderKeys {
  mayContain(key: Uint8Array, start: number, end: number, hash: number): boolean
}

/** Writes one sorted file, once, from front to end. `close` it, whatever happens. */
export class SortedFileWriter {
  readonly #output: FileOutput
  readonly #block = new BlockWriter()
  readonly #sections: SectionWriter[] = []
  readonly #compression: Compression
  readonly #blockBytes: number | undefined
  #section: SectionWriter | null = null
  #syncedBytes = 0

  /**
   * `compression` is of the file's blocks; those that it would hardly make smaller are stored as they are. `blockBytes`:
   * see `LsmOptions`.
   */
  constructor(disk: Disk, path: string, compression: Compression = 'none', blockBytes?: number) {
    this.#output = new FileOutput(disk, path)
    this.#compression = compression
    this.#blockBytes = blockBytes
  }

  /** Writes the entries of a store, in order; deletions of keys that `older` cannot hold are left out. */
  *store(store: SortedStore, older: OlderKeys): Steps {
    this.begin(store.name, store.count)
    const { cursor } = store
    let left = STEP_ENTRIES
    let stepEnd = this.#output.position + STEP_BYTES
    while (cursor.next()) {
      const dead = !cursor.present && !older.mayContain(cursor.keyBytes, cursor.keyStart, cursor.keyEnd, cursor.hash)
      if (!dead) this.add(cursor)
      if (--left > 0 && this.#output.position < stepEnd) continue
      yield* this.syncSome()
      yield
      left = STEP_ENTRIES
      stepEnd = this.#output.position + STEP_BYTES
    }
    this.end()
  }

  /** Begins the entries of a store; `add` them in order, then `end`. There are at most `maxEntries`. */
  begin(name: string, maxEntries: number): void {
    const compression = compressionOf(this.#compression, name)
    this.#section = new SectionWriter(name, maxEntries, this.#output, this.#block, compression, this.#blockBytes)
  }

  /** Appends the entry that a cursor is at. */
  add(cursor: SortedCursor): void {
    this.#section?.add(cursor)
  }

  end(): void {
    const section = this.#section
    this.#section = null
    section?.endEntries()
    if (section !== null && section.entries > 0) this.#sections.push(section)
  }

  /** Syncs now and then as the file grows: call it every few hundred entries. */
  *syncSome(): Steps {
    if (this.#output.position - this.#syncedBytes < SYNC_BYTES) return
    yield
    this.#syncedBytes = this.#output.position
    const wait = this.#output.syncWritten()
    if (wait !== null) yield wait
  }

  /** Bytes so far. */
  get sizeBytes(): number {
    return this.#output.position
  }

  /** True if nothing was written: there is no need of a file. */
  get empty(): boolean {
    return this.#sections.length === 0
  }

  /** Writes the metadata and makes the content durable; the name is durable once the directory was synced. */
  *finish(name: string): Steps<FileEntry> {
    const output = this.#output
    const metadata = new ByteWriter(4096)
    const stores: SectionEntry[] = []
    metadata.varuint(this.#sections.length)
    for (const section of this.#sections) {
      yield* section.writeBloom()
      section.writeMetadata(metadata)
      stores.push({
        name: section.name,
        entries: section.entries,
        deletions: section.deletions,
        firstKey: section.firstKey,
        lastKey: section.lastKey,
      })
    }
    const metadataPosition = output.position
    const crc = crc32c(metadata.bytes, 0, metadata.position)
    output.append(metadata.bytes, 0, metadata.position)
    const metadataLength = output.position - metadataPosition
    const footer = encodeFooter({ metadataPosition, metadataLength, metadataCrc: crc })
    output.append(footer, 0, footer.length)
    yield
    yield* output.finish()
    return { name, sizeBytes: output.position, checksum: crc, stores }
  }

  /** Closes the file if `finish` did not. */
  close(): void {
    this.#output.close()
  }
}
