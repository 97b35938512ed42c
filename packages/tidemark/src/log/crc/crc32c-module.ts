/**
 * The WebAssembly module behind `crc32c`. It works in two steps.
 *
 * Fold. Bytes are coefficients of a polynomial over GF(2), the first byte the highest. FOLD_DISTANCES_BYTES d1..d5 are
 * chosen so that x^(8 d5) + x^(8 (d5-d1)) + ... + x^(8 (d5-d4)) + 1 is a multiple of the CRC's polynomial. So a byte may
 * be removed, without changing the CRC, by adding it (xor) to the bytes that stand d1, ..., d5 after it. Every removed
 * byte is thus the input's byte xor the five removed bytes that stand d1..d5 before it: no tables, no multiplication,
 * 16 bytes at a time. What is left are the last few hundred bytes. The idea of sparse multiples is from S. Russell,
 * "Chorba: A novel CRC32 implementation" (arXiv:2412.16398); the distances were found by a search for the multiple of
 * weight 6 with the lowest degree (65, 155, 170, 195, 209), squared once, which keeps it a multiple and doubles them.
 *
 * Tail. Slicing by 16 over what is left.
 */
import {
  add,
  and,
  assemble,
  atLeastUnsigned,
  type Code,
  fill,
  i32,
  lessUnsigned,
  load8,
  load32,
  load128,
  local,
  repeat,
  setLocal,
  shl,
  shrUnsigned,
  store32,
  store128,
  sub,
  teeLocal,
  when,
  xor,
  xor128,
} from './wasm-assembler.ts'

export const FOLD_DISTANCES_BYTES: readonly number[] = [130, 310, 340, 390, 418]
/** The most that one call takes. */
export const CHUNK_BYTES = 0x10000

const REACH = 418
const VECTOR = 16
const UNROLL = 4
const STEP = VECTOR * UNROLL
const TABLE_BYTES = 1024

/** Memory: 16 tables, the input (with room for one vector too many), the removed bytes between zeros. */
export const INPUT_AT: number = 16 * TABLE_BYTES
const REMOVED_AT = INPUT_AT + CHUNK_BYTES + 512
const PAGES = Math.ceil((REMOVED_AT + CHUNK_BYTES + 1024) / 0x10000)

const LENGTH = 0
const CRC = 1
const AT = 2
const END = 3
const WORD = 4
const LOCALS = 3

/** Bytes of a module with `run(lengthBytes, seed)` (4 bytes to CHUNK_BYTES, at INPUT_AT) and `memory`. */
export function crcModule(): Uint8Array<ArrayBuffer> {
  const body: Code = [
    // The CRC of what came before joins the first four bytes.
    [i32(0), i32(0), load32(INPUT_AT), local(CRC), i32(-1), xor, xor, store32(INPUT_AT)],
    [local(LENGTH), i32(REACH + STEP), atLeastUnsigned, when(fold())],
    [i32(0), setLocal(CRC), tail(), local(CRC), i32(-1), xor],
  ]
  return assemble(PAGES, 2, LOCALS, body)
}

/** Removes bytes [0, END) and adds them to those after; leaves AT at END. */
function fold(): Code {
  const removed = (offset: number): Code =>
    FOLD_DISTANCES_BYTES.map((distance) => [local(AT), load128(REMOVED_AT + offset - distance), xor128])
  const vectors = Array.from({ length: UNROLL }, (_, i): Code => {
    const offset = VECTOR * i
    return [local(AT), local(AT), load128(INPUT_AT + offset), removed(offset), store128(REMOVED_AT + offset)]
  })
  return [
    [local(LENGTH), i32(REACH), sub, i32(-STEP), and, setLocal(END)],
    repeat(vectors, local(AT), i32(STEP), add, teeLocal(AT), local(END), lessUnsigned),
    // Bytes of an earlier call must not be added to the tail.
    [local(END), i32(REMOVED_AT), add, i32(0), i32(REACH + STEP + VECTOR), fill],
    repeat(
      [local(AT), local(AT), load128(INPUT_AT), removed(0), store128(INPUT_AT)],
      [local(AT), i32(VECTOR), add, teeLocal(AT), local(LENGTH), lessUnsigned],
    ),
    [local(END), setLocal(AT)],
  ]
}

/** Slicing by 16 from AT to LENGTH, then byte by byte. */
function tail(): Code {
  const entry = (byte: number, table: number): Code => {
    const shift = byte === 0 ? [i32(2), shl] : [i32(8 * byte - 2), shrUnsigned]
    return [local(WORD), shift, i32(1020), and, load32(table * TABLE_BYTES)]
  }
  const word = (last: number): Code => [0, 1, 2, 3].map((byte) => [entry(byte, last - byte), xor])
  const sixteen: Code = [
    [local(AT), load32(INPUT_AT), local(CRC), xor, setLocal(WORD), i32(0), word(15)],
    [4, 8, 12].map((offset) => [local(AT), load32(INPUT_AT + offset), setLocal(WORD), word(15 - offset)]),
    setLocal(CRC),
  ]
  const one: Code = [
    [local(AT), load8(INPUT_AT), local(CRC), xor, i32(255), and, i32(2), shl, load32(0)],
    [local(CRC), i32(8), shrUnsigned, xor, setLocal(CRC)],
  ]
  return [
    [local(LENGTH), local(AT), sub, i32(-16), and, local(AT), add, setLocal(END)],
    whileBelow(END, 16, sixteen),
    whileBelow(LENGTH, 1, one),
  ]
}

function whileBelow(limit: number, step: number, body: Code): Code {
  const more: Code = [local(limit), lessUnsigned]
  return [local(AT), more, when(repeat(body, local(AT), i32(step), add, teeLocal(AT), more))]
}
