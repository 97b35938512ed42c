import type { Disk } from '../disk/disk.ts'
import { BlockCache } from './block-cache.ts'
import { BLOOM_LINE_BYTES, bloomLineHas, spreadHash } from './bloom.ts'
import { compareBytes } from './bytes.ts'
import { Findings, type Finding } from './finding.ts'
import { FOOTER_BYTES, TAG_DELETION, TAG_LARGE } from './format.ts'
import type { IndexPartition } from './index-partition.ts'
import { LargeReference } from './large-values.ts'
import type { FileEntry, SectionEntry } from './manifest.ts'
import type { Section } from './section.ts'
import { SortedFile } from './sorted-file.ts'
import { BlockVerifier, type EntryVisitor } from './verify-block.ts'

export interface VerifiedFile {
  readonly entries: number
  readonly findings: readonly Finding[]
}

interface Part {
  readonly position: number
  readonly sizeBytes: number
}

/**
 * Opens a file and verifies every byte of it, in steps: checksums, the order of keys, counts, that the filter knows every
 * key, that parts follow each other without a gap, and what the manifest says. Throws ERR_FILE_NOT_FOUND at once, and
 * errors that say nothing of the file.
 */
export function* verifyFile(disk: Disk, path: string, expected: FileEntry): Generator<void, VerifiedFile> {
  const findings = new Findings(path)
  const cache = new BlockCache({ capacityBytes: 0 })
  let file: SortedFile
  try {
    file = yield* SortedFile.open({ disk, path, cache, expected })
  } catch (error) {
    findings.thrown(0, null, error)
    return { entries: 0, findings: findings.list }
  }
  try {
    const parts: Part[] = []
    let entries = 0
    let whole = true
    for (const section of file.sections.values()) {
      const verifier = new SectionVerifier(file, section, findings, parts)
      yield* verifier.run()
      entries += verifier.entries
      whole &&= verifier.whole
      verifier.compare(expected.stores.find((store) => store.name === section.head.name) ?? null)
    }
    for (const { name } of expected.stores) {
      if (!file.sections.has(name)) findings.damage(0, `lacks store '${name}', which the manifest names`, name)
    }
    if (whole) checkGaps(findings, parts, file.metadataPosition)
    if (file.metadataPosition + file.metadataBytes + FOOTER_BYTES !== file.sizeBytes) {
      findings.damage(file.metadataPosition, 'has metadata that do not end at the footer')
    }
    return { entries, findings: findings.list }
  } finally {
    file.release()
  }
}

/** Every byte in front of the metadata belongs to one part. */
function checkGaps(findings: Findings, parts: Part[], end: number): void {
  parts.sort((a, b) => a.position - b.position)
  let at = 0
  for (const { position, sizeBytes } of [...parts, { position: end, sizeBytes: 0 }]) {
    if (position > at) findings.damage(at, `has ${position - at} bytes that belong to nothing`)
    if (position < at) findings.damage(position, `has parts that overlap by ${at - position} bytes`)
    at = Math.max(at, position + sizeBytes)
  }
}

class SectionVerifier implements EntryVisitor {
  entries = 0
  /** False once a part could not be read: then counts and places cannot be right. */
  whole = true
  #deletions = 0
  #largeValues = 0
  #storedBytes = 0
  #plainBytes = 0
  #firstKey: Uint8Array | null = null
  readonly #file: SortedFile
  readonly #section: Section
  readonly #findings: Findings
  readonly #parts: Part[]
  readonly #blocks: BlockVerifier
  readonly #reference = new LargeReference()
  #bloom: (Uint8Array | null)[] = []
  #block: Uint8Array = new Uint8Array(0)
  #blockAt = 0

  constructor(file: SortedFile, section: Section, findings: Findings, parts: Part[]) {
    this.#file = file
    this.#section = section
    this.#findings = findings
    this.#parts = parts
    this.#blocks = new BlockVerifier(section.head.restartInterval, this)
  }

  get #store(): string {
    return this.#section.head.name
  }

  *run(): Generator<void, void> {
    const { bloom, partitions } = this.#section
    for (let i = 0; i < bloom.partitions; i++) {
      const place = bloom.place(i)
      this.#parts.push(place)
      this.#bloom.push(this.#read(place.position, place.sizeBytes, place.crc))
      yield
    }
    for (let i = 0; i < partitions; i++) yield* this.#partition(i)
    this.#bloom = []
    if (this.whole) this.#compareHead()
  }

  /** Reads a part; null, and a finding, if it is damaged. */
  #read(position: number, sizeBytes: number, crc: number): Uint8Array | null {
    let bytes: Uint8Array | null = null
    this.#findings.attempt(position, this.#store, () => {
      bytes = this.#file.readVerified(position, sizeBytes, crc, this.#store)
    })
    if (bytes === null) this.whole = false
    return bytes
  }

  *#partition(number: number): Generator<void, void> {
    const section = this.#section
    const place = section.placeOfPartition(number)
    this.#parts.push(place)
    let partition: IndexPartition | null = null
    this.#findings.attempt(place.position, this.#store, () => {
      partition = section.readPartition(number)
    })
    yield
    if (partition === null) {
      this.whole = false
      this.#blocks.last = null
      return
    }
    yield* this.#partitionBlocks(number, partition)
  }

  *#partitionBlocks(number: number, partition: IndexPartition): Generator<void, void> {
    for (let i = 0; i < partition.blocks; i++) {
      const position = partition.positions[i] as number
      const sizeBytes = partition.sizes[i] as number
      this.#parts.push({ position, sizeBytes })
      const stored = this.#read(position, sizeBytes, partition.crcs[i] as number)
      const separator = i > 0 ? partition.separators.at(i) : this.#section.separatorOf(number)
      const done =
        stored !== null &&
        this.#findings.attempt(position, this.#store, () => {
          this.#verifyBlock(this.#section.plainBlock(partition, i, stored), position, sizeBytes, separator)
        })
      if (!done) {
        this.whole = false
        this.#blocks.last = null
      }
      yield
    }
  }

  #verifyBlock(block: Uint8Array, position: number, sizeBytes: number, separator: Uint8Array): void {
    this.#block = block
    this.#blockAt = position
    this.#storedBytes += sizeBytes
    this.#plainBytes += block.length
    const wrong = this.#blocks.verify(block, this.entries === 0 ? null : separator)
    if (wrong === null) return
    this.#findings.damage(position, `has a block that ${wrong}`, this.#store)
    this.whole = false
    this.#blocks.last = null
  }

  entry(key: Uint8Array, hash: number, tag: number, valueAt: number): void {
    this.#firstKey ??= key
    this.entries++
    if (tag === TAG_DELETION) this.#deletions++
    if (tag === TAG_LARGE) this.#large(valueAt)
    const { lines, shift } = this.#section.head.bloom
    const h = spreadHash(hash)
    const line = ((h >>> 0) * lines * 2 ** -32) | 0
    const bloom = this.#bloom[line >>> shift] ?? null
    if (bloom === null || bloomLineHas(bloom, (line & (2 ** shift - 1)) * BLOOM_LINE_BYTES, h)) return
    this.#findings.damage(this.#blockAt, `has a filter that does not know key ${hexOf(key)}`, this.#store)
  }

  #large(at: number): void {
    const reference = this.#reference
    reference.read(this.#block, at)
    const { position, storedBytes, plainBytes } = reference
    this.#largeValues++
    this.#storedBytes += storedBytes
    this.#plainBytes += plainBytes
    this.#parts.push({ position, sizeBytes: storedBytes })
    const block = this.#block
    if (!this.#findings.attempt(position, this.#store, () => void this.#section.readLarge(block, at))) {
      this.whole = false
    }
  }

  /** What the metadata say against what was found. */
  #compareHead(): void {
    const { head } = this.#section
    this.#expect('entries', head.entries, this.entries)
    this.#expect('deletions', head.deletions, this.#deletions)
    this.#expect('large values', head.largeValues, this.#largeValues)
    this.#expect('bytes of blocks and large values', head.storedBytes, this.#storedBytes)
    this.#expect('bytes of these before compression', head.plainBytes, this.#plainBytes)
    if (!same(head.firstKey, this.#firstKey) || !same(head.lastKey, this.#blocks.last)) {
      const what = 'has metadata whose first or last key is not that of the entries'
      this.#findings.damage(this.#file.metadataPosition, what, this.#store)
    }
  }

  #expect(what: string, said: number, found: number): void {
    if (said === found) return
    const text = `has metadata that say ${said} ${what}, and there are ${found}`
    this.#findings.damage(this.#file.metadataPosition, text, this.#store)
  }

  /** What the manifest says against the metadata. */
  compare(entry: SectionEntry | null): void {
    const { head } = this.#section
    const fits =
      entry !== null &&
      entry.entries === head.entries &&
      entry.deletions === head.deletions &&
      same(entry.firstKey, head.firstKey) &&
      same(entry.lastKey, head.lastKey)
    if (fits) return
    const what = 'has a store of which the manifest says something else: counts or key range differ'
    this.#findings.damage(this.#file.metadataPosition, what, this.#store)
  }
}

function same(a: Uint8Array, b: Uint8Array | null): boolean {
  return b !== null && compareBytes(a, 0, a.length, b, 0, b.length) === 0
}

const MOST_KEY_BYTES = 64

function hexOf(key: Uint8Array): string {
  const text = Buffer.from(key.subarray(0, MOST_KEY_BYTES)).toString('hex')
  return key.length > MOST_KEY_BYTES ? `${text}… (${key.length} bytes)` : text
}
