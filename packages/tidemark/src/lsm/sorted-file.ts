import type { Disk, DiskFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { ByteReader } from '../serde/byte-reader.ts'
import type { BlockCache } from './block-cache.ts'
import { corrupt, decodeFooter, type Footer, FOOTER_BYTES } from './format.ts'
import { readExactly, readExactlyLater, readInto } from './file-reads.ts'
import { makeResident, readAll } from './read-resident.ts'
import { type ReadAround, Surroundings } from './read-around.ts'
import { ReadCounters } from './read-counters.ts'
import { Section } from './section.ts'
import type { MissingPart, SectionFile } from './section-file.ts'
import { readSectionHead, type SectionHead } from './section-head.ts'

/** Read at opening, from the end: footer and metadata of all but very large files. */
const TAIL_BYTES = 16 * 1024

export interface OpenSortedFile {
  readonly disk: Disk
  readonly path: string
  readonly cache: BlockCache
  /** Reads the whole file into memory, verified, instead of blocks as they are needed. */
  readonly resident?: boolean
  /** Counts what look-ups do. */
  readonly counters?: ReadCounters
  /** Reads the neighbourhood of blocks along with them while the disk is slow; without it, each block alone. */
  readonly around?: ReadAround | null
  /** What the manifest says of the file; a file that differs is damaged. */
  readonly expected?: { readonly sizeBytes: number; readonly checksum: number }
}

interface ReadFile {
  readonly heads: readonly SectionHead[]
  readonly resident: Uint8Array | null
}

/**
 * An open sorted file: the metadata are in memory, index, filters and blocks come as they are needed. Immutable; any thread or process may open it by its path. It is counted who uses it: one `retain` for one `release`.
 */
export class SortedFile implements SectionFile {
  readonly path: string
  readonly sizeBytes: number
  /** The CRC of the metadata, which stands for the content. */
  readonly checksum: number
  readonly metadataPosition: number
  readonly metadataBytes: number
  readonly sections: ReadonlyMap<string, Section>
  readonly cache: BlockCache
  readonly counters: ReadCounters
  readonly resident: Uint8Array | null
  readonly #file: DiskFile
  readonly #around: ReadAround | null
  readonly #surroundings: Surroundings | null
  readonly #onUnused: Array<() => void> = []
  #users = 1

  private constructor(options: OpenSortedFile, file: DiskFile, sizeBytes: number, footer: Footer, read: ReadFile) {
    this.path = file.path
    this.sizeBytes = sizeBytes
    this.checksum = footer.metadataCrc
    this.metadataPosition = footer.metadataPosition
    this.metadataBytes = footer.metadataLength
    this.cache = options.cache
    this.counters = options.counters ?? new ReadCounters()
    this.resident = read.resident
    this.#file = file
    this.#around = options.around ?? null
    this.#surroundings = this.#around === null ? null : new Surroundings(this.#around, file, sizeBytes)
    this.sections = new Map(read.heads.map((head) => [head.name, new Section(this, head)]))
  }

  /**
   * Opens a file in steps: one read, two when it is very large, whatever it holds. Throws ERR_STATE_CORRUPT when it is
   * damaged, ERR_FORMAT_NEWER and ERR_FORMAT_OLDER when a version that is not known wrote it, ERR_FILE_NOT_FOUND when it
   * is not there, ERR_DISK_IO.
   */
  static *open(options: OpenSortedFile): Generator<void, SortedFile> {
    const { disk, path, expected } = options
    const file = disk.open(path, 'read')
    let complete = false
    try {
      const size = file.size()
      if (size < FOOTER_BYTES) throw corrupt(path, size, `is cut off: it has ${size} bytes`)
      if (expected !== undefined && size !== expected.sizeBytes) {
        throw corrupt(path, size, `has ${size} bytes, but the manifest says ${expected.sizeBytes}`)
      }
      const tailBytes = Math.min(size, TAIL_BYTES)
      const tail = readExactly(file, size - tailBytes, tailBytes)
      const footer = decodeFooter(tail.subarray(tailBytes - FOOTER_BYTES), path, size - FOOTER_BYTES)
      if (expected !== undefined && footer.metadataCrc !== expected.checksum) {
        throw corrupt(path, size - FOOTER_BYTES, 'is not the file that the manifest names: its checksum differs')
      }
      const metadata = yield* readMetadata(file, footer, tail)
      const heads = yield* readHeads(metadata, path, footer.metadataPosition)
      const resident = options.resident === true ? yield* readAll(file, footer.metadataPosition) : null
      const opened = new SortedFile(options, file, size, footer, { heads, resident })
      if (resident !== null) yield* makeResident(path, resident, opened.sections.values())
      complete = true
      return opened
    } finally {
      if (!complete) file.close()
    }
  }

  retain(): void {
    this.#users++
  }

  /** When the last user is gone the file is closed, and what `whenUnused` asked for is done. */
  release(): void {
    if (--this.#users > 0) return
    this.cache.drop(this)
    this.#file.close()
    for (const action of this.#onUnused) action()
  }

  /** Asks for something to be done once nobody uses the file. */
  whenUnused(action: () => void): void {
    this.#onUnused.push(action)
  }

  readVerified(position: number, sizeBytes: number, crc: number, store: string, target?: Uint8Array): Uint8Array {
    const { resident } = this
    const bytes =
      resident === null
        ? this.#read(position, sizeBytes, store, target ?? new Uint8Array(sizeBytes))
        : resident.subarray(position, position + sizeBytes)
    this.#verify(bytes, position, crc, store)
    return bytes
  }

  #read(position: number, sizeBytes: number, store: string, target: Uint8Array): Uint8Array {
    const surroundings = this.#surroundings
    return surroundings !== null && (this.#around as ReadAround).watches
      ? surroundings.read(position, sizeBytes, store, target)
      : readExactly(this.#file, position, sizeBytes, store, target)
  }

  #verify(bytes: Uint8Array, position: number, crc: number, store: string): void {
    if (crc32c(bytes) !== crc) throw corrupt(this.path, position, 'has a block that fails its checksum', store)
  }

  /** As `readVerified`, without keeping this thread waiting. */
  async readVerifiedLater({ position, sizeBytes, crc, store }: MissingPart): Promise<Uint8Array> {
    const bytes = new Uint8Array(sizeBytes)
    await readExactlyLater(this.#file, position, bytes, store)
    this.#verify(bytes, position, crc, store)
    return bytes
  }

  /** Reads up to a number of bytes into a buffer, unverified; returns how many. */
  readRaw(target: Uint8Array, position: number, length: number): number {
    return readInto(this.#file, target, 0, position, length)
  }
}

/** The metadata, from what was read of the file's end if it is all there. */
function* readMetadata(file: DiskFile, footer: Footer, tail: Uint8Array): Generator<void, Uint8Array> {
  const { metadataPosition, metadataLength, metadataCrc } = footer
  const tailStart = metadataPosition + metadataLength + FOOTER_BYTES - tail.length
  let bytes: Uint8Array
  if (metadataPosition >= tailStart) {
    bytes = tail.subarray(metadataPosition - tailStart, metadataPosition - tailStart + metadataLength)
  } else {
    yield
    bytes = readExactly(file, metadataPosition, metadataLength)
  }
  if (crc32c(bytes) === metadataCrc) return bytes
  throw corrupt(file.path, metadataPosition, 'has metadata that fails its checksum')
}

function* readHeads(metadata: Uint8Array, path: string, position: number): Generator<void, SectionHead[]> {
  const reader = new ByteReader(metadata)
  try {
    const heads: SectionHead[] = []
    const count = reader.varuint()
    for (let i = 0; i < count; i++) {
      heads.push(readSectionHead(reader))
      yield
    }
    if (reader.remaining > 0) throw corrupt(path, position + reader.position, 'has metadata with bytes to spare')
    return heads
  } catch (cause) {
    if (!isTidemarkError(cause, 'ERR_SERDE')) throw cause
    throw corrupt(path, position + reader.position, `has metadata that cannot be read: ${cause.message}`)
  }
}
