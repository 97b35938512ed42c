/**
 * LZ4 as Kafka has it: one frame ("LZ4 Frame Format Description" 1.6) of independent blocks. Java clients write blocks of
 * 64 KiB without checksums, and so do we: a reader's buffers are as large as the blocks may be. Blocks are packed by
 * @platformatic/wasm-utils (the Rust crate lz4_flex) and unpacked by lz4-block.ts. Checksums of a frame are not looked at:
 * the CRC of the record batch covers them.
 */
import { lz4Compress } from '@platformatic/wasm-utils'
import type { CodecFunctions } from 'tidemark/system'
import { asBuffer } from './as-buffer.ts'
import { unpackBlock } from './lz4-block.ts'

const MAGIC = 0x184d2204
/** Magic, flags, block size, checksum of these two. Frames of ours and of the package have nothing more. */
const HEADER_BYTES = 7
const END_BYTES = 4
const VERSION_MASK = 0xc0
const VERSION = 0x40
const INDEPENDENT = 0x20
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const OUR_BLOCK_BYTES = 64 * 1024
/** High bit of a block's size: its bytes are as they were. */
const PLAIN = 0x80000000
/** A byte of a block stands for 255 at most. */
const MOST_RATIO = 255

export const lz4: CodecFunctions = { compress, decompress }

function compress(bytes: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = []
  const source = asBuffer(bytes)
  // Nothing is not given to the package (see snappy.ts): its frame is the header of any other, and the end.
  if (source.length === 0) blocks.push(lz4Compress(Buffer.of(0)).subarray(0, HEADER_BYTES))
  for (let at = 0; at < source.length; at += OUR_BLOCK_BYTES) {
    // The package makes a frame of one block of these sizes; of the first one the header is kept, and no end.
    const frame = lz4Compress(source.subarray(at, at + OUR_BLOCK_BYTES))
    blocks.push(frame.subarray(at === 0 ? 0 : HEADER_BYTES, frame.length - END_BYTES))
  }
  blocks.push(new Uint8Array(END_BYTES))
  return Buffer.concat(blocks)
}

interface Frame {
  readonly start: number
  readonly blockBytes: number
  readonly blockChecksum: boolean
  /** Exact if the frame says it, else -1. */
  readonly contentBytes: number
}

function decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const source = asBuffer(bytes)
  const frame = readHeader(source)
  // Twice over the blocks: first for what they can unpack to at most, so that nothing larger is allocated.
  const most = walkBlocks(source, frame, null)
  if (frame.contentBytes > maxBytes) throw tooMuch(maxBytes)
  const room = frame.contentBytes >= 0 ? Math.min(frame.contentBytes, most) : Math.min(most, maxBytes)
  const target = new Uint8Array(room)
  const end = walkBlocks(source, frame, target)
  if (frame.contentBytes >= 0 && end !== frame.contentBytes)
    throw new RangeError('an LZ4 frame has not the size it says')
  // A small part of a large allocation would keep all of it.
  if (end < target.length >> 1) return target.slice(0, end)
  return target.subarray(0, end)
}

/** Unpacks the blocks of a frame into the target; without one, only adds up the most they may have. Gives the bytes. */
function walkBlocks(source: Buffer, frame: Frame, target: Uint8Array | null): number {
  let at = frame.start
  let done = 0
  for (;;) {
    if (at + 4 > source.length) throw new RangeError('an LZ4 frame has no end')
    const word = source.readUInt32LE(at)
    at += 4
    if (word === 0) return done
    const isPlain = word >= PLAIN
    const size = isPlain ? word - PLAIN : word
    if (size > source.length - at || size > frame.blockBytes) throw new RangeError('a block of LZ4 goes beyond its end')
    if (target === null) {
      done += isPlain ? size : Math.min(frame.blockBytes, size * MOST_RATIO)
    } else if (isPlain) {
      if (size > target.length - done) throw tooMuch(target.length)
      target.set(source.subarray(at, at + size), done)
      done += size
    } else {
      done = unpackBlock(source, at, at + size, target, done, Math.min(target.length, done + frame.blockBytes))
    }
    at += size + (frame.blockChecksum ? 4 : 0)
  }
}

function readHeader(source: Buffer): Frame {
  if (source.length < HEADER_BYTES || source.readUInt32LE(0) !== MAGIC) throw new RangeError('this is no LZ4 frame')
  const flags = source[4] as number
  const sizeCode = ((source[5] as number) >> 4) & 7
  if ((flags & VERSION_MASK) !== VERSION || (flags & INDEPENDENT) === 0 || (flags & DICTIONARY) !== 0 || sizeCode < 4) {
    throw new RangeError(`an LZ4 frame with flags ${flags} and block size ${sizeCode} is not one of Kafka's`)
  }
  const hasSize = (flags & CONTENT_SIZE) !== 0
  const start = HEADER_BYTES + (hasSize ? 8 : 0)
  if (start > source.length) throw new RangeError('an LZ4 frame has no end')
  return {
    start,
    blockBytes: 2 ** (8 + 2 * sizeCode),
    blockChecksum: (flags & BLOCK_CHECKSUM) !== 0,
    contentBytes: hasSize ? Number(source.readBigUInt64LE(6)) : -1,
  }
}

function tooMuch(maxBytes: number): RangeError {
  return new RangeError(`LZ4 data unpacks to more than ${maxBytes} bytes`)
}
