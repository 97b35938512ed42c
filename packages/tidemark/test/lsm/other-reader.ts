import { zstdDecompressSync } from 'node:zlib'

/*
 * A second reader of sorted files, written from docs/internals/sorted-file.md alone: it imports nothing of the package.
 * What both readers agree on is what the page says.
 */

export interface ReadEntry {
  readonly key: Buffer
  /** Null for a deletion. */
  readonly value: Buffer | null
}

export interface ReadSection {
  readonly store: string
  readonly entries: readonly ReadEntry[]
  readonly deletions: number
  readonly compressedBlocks: number
  readonly partitions: number
  /** Whether the filter lets a key pass, by its murmur2 hash. */
  readonly mayHold: (murmur2: number) => boolean
}

class Input {
  readonly #bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.at === this.#bytes.length
  }

  u8(): number {
    return this.#bytes.readUInt8(this.at++)
  }

  u32(): number {
    this.at += 4
    return this.#bytes.readUInt32BE(this.at - 4)
  }

  varuint(): number {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(this.u8())
      value |= (byte & 127n) << shift
      if (byte < 128n) return Number(value)
    }
  }

  take(length: number): Buffer {
    if (this.at + length > this.#bytes.length) throw new Error(`${length} bytes at ${this.at} go over the end`)
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  bytes(): Buffer {
    return this.take(this.varuint())
  }
}

/** CRC-32C, a bit at a time. */
export function plainCrc(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}

function part(file: Buffer, position: number, size: number, crc: number): Buffer {
  const bytes = file.subarray(position, position + size)
  if (bytes.length !== size || plainCrc(bytes) !== crc) throw new Error(`the part at ${position} is damaged`)
  return bytes
}

function plain(stored: Buffer, codec: number, size: number): Buffer {
  if (codec === 0) return stored
  if (codec !== 1) throw new Error(`codec ${codec}`)
  const bytes = zstdDecompressSync(stored)
  if (bytes.length !== size) throw new Error(`${bytes.length} bytes, not ${size}`)
  return bytes
}

/** Reads everything there is in a sorted file. */
export function readSortedFile(file: Buffer): ReadSection[] {
  const footer = file.subarray(file.length - 36)
  if (footer.subarray(28).toString('latin1') !== 'TMSORTED') throw new Error('no magic')
  if (plainCrc(footer.subarray(0, 24)) !== footer.readUInt32BE(24)) throw new Error('footer damaged')
  if (footer.readUInt32BE(20) !== 2) throw new Error(`version ${footer.readUInt32BE(20)}`)
  const position = Number(footer.readBigUInt64BE(0))
  const length = Number(footer.readBigUInt64BE(8))
  if (position + length !== file.length - 36) throw new Error('metadata do not end at the footer')
  const input = new Input(part(file, position, length, footer.readUInt32BE(16)))
  const sections = Array.from({ length: input.varuint() }, () => readSection(file, input))
  if (!input.done) throw new Error('bytes behind the last section')
  return sections
}

function readSection(file: Buffer, input: Input): ReadSection {
  const store = input.bytes().toString('utf8')
  const count = input.varuint()
  const deletions = input.varuint()
  const [first, last] = [input.bytes(), input.bytes()]
  const [interval, large, storedBytes, plainBytes] = [
    input.varuint(),
    input.varuint(),
    input.varuint(),
    input.varuint(),
  ]
  const found = { entries: [] as ReadEntry[], compressed: 0, large: 0, stored: 0, plain: 0 }
  const partitions = input.varuint()
  let end = 0
  for (let i = 0; i < partitions; i++) {
    const separator = input.bytes()
    const position = end + input.varuint()
    const size = input.varuint()
    const blocks = input.varuint()
    readPartition(file, part(file, position, size, input.u32()), blocks, separator, interval, found)
    end = position + size
  }
  const mayHold = readFilter(file, input)
  const { entries } = found
  const sums = [
    entries.length,
    entries.filter((each) => each.value === null).length,
    found.large,
    found.stored,
    found.plain,
  ]
  const said = [count, deletions, large, storedBytes, plainBytes]
  if (sums.join() !== said.join()) throw new Error(`store ${store}: ${said.join()} announced, ${sums.join()} found`)
  if (entries[0]?.key.equals(first) !== true || entries.at(-1)?.key.equals(last) !== true) throw new Error('key range')
  return { store, entries, deletions, compressedBlocks: found.compressed, partitions, mayHold }
}

interface Found {
  readonly entries: ReadEntry[]
  compressed: number
  large: number
  stored: number
  plain: number
}

function readPartition(
  file: Buffer,
  bytes: Buffer,
  blocks: number,
  separator: Buffer,
  interval: number,
  found: Found,
): void {
  const input = new Input(bytes)
  let end = 0
  for (let i = 0; i < blocks; i++) {
    const own = input.bytes()
    const position = end + input.varuint()
    const size = input.varuint()
    const codec = input.u8()
    const plainSize = codec === 0 ? size : input.varuint()
    const block = plain(part(file, position, size, input.u32()), codec, plainSize)
    const before = found.entries.at(-1)?.key
    const entries = readBlock(file, block, interval, found)
    const start = i === 0 ? separator : own
    if (i === 0 && own.length > 0) throw new Error('a partition starts with a separator of its own')
    if (Buffer.compare(start, entries[0]?.key as Buffer) > 0) throw new Error('separator above its block')
    if (before !== undefined && Buffer.compare(start, before) <= 0)
      throw new Error('separator not above the block before')
    found.entries.push(...entries)
    found.stored += size
    found.plain += block.length
    if (codec !== 0) found.compressed++
    end = position + size
  }
  if (!input.done) throw new Error('bytes behind the last block of a partition')
}

function readBlock(file: Buffer, block: Buffer, interval: number, found: Found): ReadEntry[] {
  const restarts = block.readUInt32BE(block.length - 4)
  const common = block.readUInt32BE(block.length - 8)
  const table = block.length - 8 - 8 * restarts
  const input = new Input(block.subarray(0, table))
  const entries: ReadEntry[] = []
  let key = Buffer.alloc(0)
  for (let i = 0; !input.done; i++) {
    const at = input.at
    const shared = input.varuint()
    const unshared = input.varuint()
    const tag = input.varuint()
    key = Buffer.concat([key.subarray(0, shared), input.take(unshared)])
    if (i % interval === 0) {
      const restart = table + 8 * (i / interval)
      const next = Buffer.alloc(4)
      key.subarray(common, common + 4).copy(next)
      if (shared !== 0 || block.readUInt32BE(restart + 4) !== at) throw new Error(`restart ${i / interval}`)
      if (!block.subarray(restart, restart + 4).equals(next)) throw new Error(`bytes of restart ${i / interval}`)
    }
    entries.push({
      key,
      value: tag === 0 ? null : tag === 1 ? readLarge(file, input.take(21), found) : input.take(tag - 2),
    })
  }
  if (Math.ceil(entries.length / interval) !== restarts) throw new Error('number of restarts')
  return entries
}

function readLarge(file: Buffer, reference: Buffer, found: Found): Buffer {
  const size = reference.readUInt32BE(8)
  const stored = part(file, Number(reference.readBigUInt64BE(0)), size, reference.readUInt32BE(17))
  const value = plain(stored, reference.readUInt8(16), reference.readUInt32BE(12))
  if (value.length !== reference.readUInt32BE(12)) throw new Error('size of a large value')
  found.large++
  found.stored += size
  found.plain += value.length
  return value
}

function readFilter(file: Buffer, input: Input): (murmur2: number) => boolean {
  const lines = input.varuint()
  const perPartition = 2 ** input.varuint()
  const position = input.varuint()
  const parts: Buffer[] = []
  for (let line = 0; line < lines; line += perPartition) {
    const size = Math.min(perPartition, lines - line) * 64
    parts.push(part(file, position + line * 64, size, input.u32()))
  }
  const low32 = (value: bigint): bigint => BigInt.asUintN(32, value)
  return (murmur2) => {
    const m = low32(BigInt(murmur2))
    let h = m ^ (m >> 16n)
    h = low32(h * 0x85ebca6bn)
    h ^= h >> 13n
    h = low32(h * 0xc2b2ae35n)
    h ^= h >> 16n
    const line = Number((h * BigInt(lines)) >> 32n)
    const g = low32(h * 0x9e3779b1n)
    const bytes = parts[Math.floor(line / perPartition)] as Buffer
    const start = (line % perPartition) * 64
    for (let i = 0n; i < 6n; i++) {
      const bit = Number(((g >> 23n) + i * (((g >> 9n) & 511n) | 1n)) % 512n)
      if (((bytes[start + (bit >> 3)] as number) & (1 << (bit & 7))) === 0) return false
    }
    return true
  }
}
