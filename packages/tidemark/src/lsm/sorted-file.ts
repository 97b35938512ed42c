import type { Disk, DiskFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { ByteReader } from '../serde/byte-reader.ts'
import type { BlockCache } from './block-cache.ts'
import { BlockIndex } from './block-index.ts'
import { corrupt, decodeFooter, type Footer, FOOTER_BYTES } from './format.ts'
import { Section, type SectionFile, type SectionHead } from './section.ts'

const STEP_BYTES = 256 * 1024
const STEP_BLOCKS = 4096

export interface OpenSortedFile {
  readonly disk: Disk
  readonly path: string
  readonly cache: BlockCache
  /** Reads the whole file into memory, verified, instead of blocks as they are needed. */
  readonly resident?: boolean
  /** What the manifest says of the file; a file that differs is damaged. */
  readonly expected?: { readonly sizeBytes: number; readonly checksum: number }
}

/**
 * An open sorted file: footer, block indexes and bloom filters are in memory, blocks come as they are needed. Immutable;
 * any thread or process may open it by its path. It is counted who uses it: one `retain` for one `release`.
 */
export class SortedFile implements SectionFile {
  readonly path: string
  readonly sizeBytes: number
  /** The CRC of the metadata, which stands for the content. */
  readonly checksum: number
  readonly sections: ReadonlyMap<string, Section>
  readonly cache: BlockCache
  readonly resident: Uint8Array | null
  readonly #file: DiskFile
  readonly #onUnused: Array<() => void> = []
  #users = 1

  private constructor(
    file: DiskFile,
    sizeBytes: number,
    checksum: number,
    cache: BlockCache,
    resident: Uint8Array | null,
    heads: readonly SectionHead[],
  ) {
    this.path = file.path
    this.sizeBytes = sizeBytes
    this.checksum = checksum
    this.cache = cache
    this.resident = resident
    this.#file = file
    this.sections = new Map(heads.map((head) => [head.name, new Section(this, head)]))
  }

  /**
   * Opens a file in steps. Throws ERR_STATE_CORRUPT when it is damaged, ERR_FORMAT_NEWER when a later version wrote it,
   * ERR_FILE_NOT_FOUND when it is not there.
   */
  static *open(options: OpenSortedFile): Generator<void, SortedFile> {
    const { disk, path, cache, expected } = options
    const file = disk.open(path, 'read')
    let opened: SortedFile | null = null
    try {
      const size = file.size()
      if (size < FOOTER_BYTES) throw corrupt(path, size, `is cut off: it has ${size} bytes`)
      if (expected !== undefined && size !== expected.sizeBytes) {
        throw corrupt(path, size, `has ${size} bytes, but the manifest says ${expected.sizeBytes}`)
      }
      const footerAt = size - FOOTER_BYTES
      const footer = decodeFooter(readExactly(file, footerAt, FOOTER_BYTES), path, footerAt)
      if (expected !== undefined && footer.metadataCrc !== expected.checksum) {
        throw corrupt(path, footerAt, 'is not the file that the manifest names: its checksum differs')
      }
      const metadata = yield* readMetadata(file, footer)
      const heads = yield* readHeads(metadata, path, footer.metadataPosition)
      const resident = options.resident === true ? yield* readResident(file, footer.metadataPosition, heads) : null
      opened = new SortedFile(file, size, footer.metadataCrc, cache, resident, heads)
      return opened
    } finally {
      if (opened === null) file.close()
    }
  }

  retain(): void {
    this.#users++
  }

  /** When the last user is gone the file is closed, and what `whenUnused` asked for is done. */
  release(): void {
    if (--this.#users > 0) return
    this.cache.drop(new Set(this.sections.values()))
    this.#file.close()
    for (const action of this.#onUnused) action()
  }

  /** Asks for something to be done once nobody uses the file. */
  whenUnused(action: () => void): void {
    this.#onUnused.push(action)
  }

  readVerified(position: number, sizeBytes: number, crc: number, store: string): Uint8Array {
    const bytes = readExactly(this.#file, position, sizeBytes)
    if (crc32c(bytes) !== crc) throw corrupt(this.path, position, 'has a block that fails its checksum', store)
    return bytes
  }

  /** Reads up to a number of bytes into a buffer, unverified; returns how many. */
  readRaw(target: Uint8Array, position: number, length: number): number {
    return readInto(this.#file, target, 0, position, length)
  }
}

function readInto(file: DiskFile, target: Uint8Array, offset: number, position: number, length: number): number {
  let done = 0
  while (done < length) {
    const count = file.read(target, offset + done, length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

function readExactly(file: DiskFile, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const count = readInto(file, bytes, 0, position, length)
  if (count < length) throw corrupt(file.path, position + count, `is cut off: ${length - count} bytes are missing`)
  return bytes
}

function* readMetadata(file: DiskFile, footer: Footer): Generator<void, Uint8Array> {
  const { metadataPosition, metadataLength, metadataCrc } = footer
  const bytes = new Uint8Array(metadataLength)
  let crc = 0
  for (let at = 0; at < metadataLength; at += STEP_BYTES) {
    const length = Math.min(STEP_BYTES, metadataLength - at)
    const count = readInto(file, bytes, at, metadataPosition + at, length)
    if (count < length) throw corrupt(file.path, metadataPosition + at + count, 'is cut off in its metadata')
    crc = crc32c(bytes, at, at + length, crc)
    if (at + length < metadataLength) yield
  }
  if (crc !== metadataCrc) throw corrupt(file.path, metadataPosition, 'has metadata that fails its checksum')
  return bytes
}

function* readHeads(metadata: Uint8Array, path: string, position: number): Generator<void, SectionHead[]> {
  const reader = new ByteReader(metadata)
  try {
    const heads: SectionHead[] = []
    const count = reader.varuint()
    for (let i = 0; i < count; i++) heads.push(yield* readHead(reader))
    if (reader.remaining > 0) throw corrupt(path, position + reader.position, 'has metadata with bytes to spare')
    return heads
  } catch (cause) {
    if (!isTidemarkError(cause, 'ERR_SERDE')) throw cause
    throw corrupt(path, position + reader.position, `has metadata that cannot be read: ${cause.message}`)
  }
}

function* readHead(reader: ByteReader): Generator<void, SectionHead> {
  const name = reader.text()
  const entries = reader.varuint()
  const deletions = reader.varuint()
  const firstKey = reader.block()
  const lastKey = reader.block()
  const restartInterval = reader.varuint()
  const index = new BlockIndex(reader.bytes, firstKey, lastKey, reader.varuint())
  yield* index.read(reader)
  const large = yield* readLarge(reader)
  const bloom = reader.block()
  return {
    name,
    entries,
    deletions,
    restartInterval,
    index,
    ...large,
    bloom: reader.bytes,
    bloomStart: reader.position - bloom.length,
    bloomLines: bloom.length / 64,
  }
}

function* readLarge(
  reader: ByteReader,
): Generator<void, Pick<SectionHead, 'largePositions' | 'largeSizes' | 'largeCrcs'>> {
  const count = reader.varuint()
  const largePositions = new Float64Array(count)
  const largeSizes = new Uint32Array(count)
  const largeCrcs = new Uint32Array(count)
  let end = 0
  for (let i = 0; i < count; i++) {
    const position = end + reader.varuint()
    const size = reader.varuint()
    largePositions[i] = position
    largeSizes[i] = size
    largeCrcs[i] = reader.i32()
    end = position + size
    if (i % STEP_BLOCKS === STEP_BLOCKS - 1) yield
  }
  return { largePositions, largeSizes, largeCrcs }
}

/** Everything in front of the metadata, each block verified. */
function* readResident(file: DiskFile, length: number, heads: readonly SectionHead[]): Generator<void, Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += STEP_BYTES) {
    const count = readInto(file, bytes, at, at, Math.min(STEP_BYTES, length - at))
    if (count < Math.min(STEP_BYTES, length - at)) throw corrupt(file.path, at + count, 'is cut off')
    yield
  }
  for (const { name, index, largePositions, largeSizes, largeCrcs } of heads) {
    yield* verify(bytes, file.path, name, index.positions, index.sizes, index.crcs)
    yield* verify(bytes, file.path, name, largePositions, largeSizes, largeCrcs)
  }
  return bytes
}

function* verify(
  bytes: Uint8Array,
  path: string,
  store: string,
  positions: Float64Array,
  sizes: Uint32Array,
  crcs: Uint32Array,
): Generator<void, void> {
  let stepEnd = STEP_BYTES
  let done = 0
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i] as number
    const size = sizes[i] as number
    if (crc32c(bytes, position, position + size) !== crcs[i]) {
      throw corrupt(path, position, 'has a block that fails its checksum', store)
    }
    done += size
    if (done < stepEnd) continue
    stepEnd = done + STEP_BYTES
    yield
  }
}
