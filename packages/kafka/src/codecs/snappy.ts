/**
 * Snappy as Kafka has it (Google's "Snappy compressed format description"): a batch of format v2 holds one raw block. Java
 * clients write the blocks of the xerial stream instead: a header of 16 bytes, then blocks, each behind its length. We write
 * raw blocks, which every client reads, and read both. The work is done by @platformatic/wasm-utils (the Rust crate snap).
 */
import { snappyCompress, snappyDecompress } from '@platformatic/wasm-utils'
import type { CodecFunctions } from 'tidemark/system'
import { asBuffer } from './as-buffer.ts'

const XERIAL_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00)
/** The magic, then two versions of four bytes. */
const XERIAL_HEADER_BYTES = 16
/** The most that an element of a block stands for: a copy of 64 bytes in two bytes of its own and one more. */
const MOST_RATIO = 32

/** A size of 0 and no elements. */
const EMPTY = Uint8Array.of(0)

export const snappy: CodecFunctions = {
  // Nothing is not given to the package: it writes to a view of its memory, which is gone whenever that has grown, and is made
  // anew only for more bytes than it has.
  compress: (bytes) => (bytes.length === 0 ? EMPTY : snappyCompress(asBuffer(bytes))),
  decompress: (bytes, maxBytes) => (isXerial(bytes) ? unpackBlocks(bytes, maxBytes) : unpackBlock(bytes, maxBytes)),
}

function isXerial(bytes: Uint8Array): boolean {
  return bytes.length >= XERIAL_HEADER_BYTES && XERIAL_MAGIC.every((byte, i) => bytes[i] === byte)
}

function unpackBlocks(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const blocks: Uint8Array[] = []
  let sizeBytes = 0
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new RangeError('a block of snappy has no length')
    const length = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0)
    at += 4
    if (length > bytes.length - at) throw new RangeError('a block of snappy goes beyond the end')
    const block = bytes.subarray(at, at + length)
    // All sizes are added up before a byte is unpacked.
    sizeBytes += checkedSize(block, maxBytes - sizeBytes)
    blocks.push(block)
    at += length
  }
  const all = new Uint8Array(sizeBytes)
  let at = 0
  for (const block of blocks) {
    const part = unpackBlock(block, maxBytes)
    all.set(part, at)
    at += part.length
  }
  return all
}

function unpackBlock(block: Uint8Array, maxBytes: number): Uint8Array {
  const sizeBytes = checkedSize(block, maxBytes)
  const all = snappyDecompress(asBuffer(block))
  if (all.length !== sizeBytes) throw new RangeError(`a block of snappy says ${sizeBytes} bytes and has ${all.length}`)
  return all
}

/** The size that a block says it unpacks to. Throws a RangeError for one that is too large, or larger than it can be. */
function checkedSize(block: Uint8Array, maxBytes: number): number {
  let size = 0
  for (let i = 0; i < 5; i++) {
    const byte = block[i]
    if (byte === undefined) break
    size += (byte & 127) * 2 ** (7 * i)
    if (byte > 127) continue
    if (size > maxBytes) throw new RangeError(`snappy data unpacks to more than ${maxBytes} bytes`)
    if (size > block.length * MOST_RATIO) throw new RangeError('a block of snappy says more than it can hold')
    return size
  }
  throw new RangeError('a block of snappy has no size')
}
