import { murmur2 } from '../hash/murmur2.ts'
import { ByteReader } from '../serde/byte-reader.ts'
import { compareBytes, prefix32, readUint32, sharedBytes } from './bytes.ts'
import { LARGE_REFERENCE_BYTES, RESTART_BYTES, TAG_DELETION, TAG_INLINE, TAG_LARGE, TAIL_BYTES } from './format.ts'

/** What a block's entries are handed to. */
export interface EntryVisitor {
  /** The hash is the key's murmur2; the value's place is in the block. */
  entry(key: Uint8Array, hash: number, tag: number, valueAt: number): void
}

/**
 * Reads a block without trusting it, as it comes after its checksum was right: what does not fit is a defect of whoever
 * wrote it. Keys go on from one block to the next: `last` is the last key so far. Returns what is wrong, null if nothing.
 */
export class BlockVerifier {
  last: Uint8Array | null = null
  readonly #interval: number
  readonly #visitor: EntryVisitor

  constructor(restartInterval: number, visitor: EntryVisitor) {
    this.#interval = restartInterval
    this.#visitor = visitor
  }

  /** Throws ERR_SERDE where an entry goes over the block's end. `separator` is the block's, null for the first of all. */
  verify(block: Uint8Array, separator: Uint8Array | null): string | null {
    if (block.length < TAIL_BYTES) return 'is too short'
    const restarts = readUint32(block, block.length - 4)
    const table = block.length - TAIL_BYTES - RESTART_BYTES * restarts
    if (table <= 0 || restarts === 0) return `says that it has ${restarts} restarts`
    const common = readUint32(block, block.length - TAIL_BYTES)
    const reader = new ByteReader(block, 0, table)
    const before = this.last
    let first: Uint8Array | null = null
    let count = 0
    while (reader.remaining > 0) {
      const restart = count % this.#interval === 0 ? count / this.#interval : -1
      const at = reader.position
      const wrong = this.#entry(reader, restart >= 0)
      if (wrong !== null) return `${wrong} at ${at} of it`
      const key = this.last as Uint8Array
      if (restart >= 0 && !restartFits(block, table, restart, restarts, at, key, common)) {
        return `has restart ${restart} that does not fit its entry`
      }
      first ??= key
      count++
    }
    if (restarts !== Math.ceil(count / this.#interval)) return `has ${restarts} restarts for ${count} entries`
    const shared = sharedBytes(first as Uint8Array, 0, length(first), this.last as Uint8Array, 0, length(this.last))
    if (shared !== common) return `says that its keys have ${common} bytes in common, not ${shared}`
    return separatorFault(separator, before, first as Uint8Array)
  }

  #entry(reader: ByteReader, restart: boolean): string | null {
    const shared = reader.varuint()
    const unshared = reader.varuint()
    const tag = reader.varuint()
    const previous = this.last
    if (restart ? shared !== 0 : shared > length(previous)) return `has an entry that shares ${shared} bytes`
    const start = reader.position
    skip(reader, unshared)
    const key = new Uint8Array(shared + unshared)
    if (shared > 0) key.set((previous as Uint8Array).subarray(0, shared))
    key.set(reader.bytes.subarray(start, start + unshared), shared)
    if (previous !== null) {
      if (compare(previous, key) >= 0) return 'has keys out of order'
      const exact = sharedBytes(previous, 0, previous.length, key, 0, key.length)
      if (!restart && exact !== shared) return `has an entry that shares ${exact} bytes, and says ${shared}`
    }
    const valueAt = reader.position
    skip(reader, tag === TAG_DELETION ? 0 : tag === TAG_LARGE ? LARGE_REFERENCE_BYTES : tag - TAG_INLINE)
    this.last = key
    this.#visitor.entry(key, murmur2(key), tag, valueAt)
    return null
  }
}

function restartFits(
  block: Uint8Array,
  table: number,
  restart: number,
  restarts: number,
  at: number,
  key: Uint8Array,
  common: number,
): boolean {
  if (restart >= restarts) return false
  const place = table + RESTART_BYTES * restart
  return readUint32(block, place + 4) === at && readUint32(block, place) === prefix32(key, common, key.length)
}

function separatorFault(separator: Uint8Array | null, before: Uint8Array | null, first: Uint8Array): string | null {
  if (separator === null || before === null) return null
  const fits = compare(separator, first) <= 0 && compare(separator, before) > 0
  return fits ? null : 'has a separator that does not stand between its first key and the key before'
}

function skip(reader: ByteReader, count: number): void {
  // Through the reader's own check of its end: it throws ERR_SERDE.
  const at = reader.position + count
  if (at > reader.end) reader.position = reader.end
  if (at > reader.end) reader.u8()
  reader.position = at
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, 0, a.length, b, 0, b.length)
}

function length(bytes: Uint8Array | null): number {
  return bytes?.length ?? 0
}
