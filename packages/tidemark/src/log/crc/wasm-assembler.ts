/** Just enough of an assembler for WebAssembly (core specification 2.0, binary format) to build the CRC module at load. */

/** Instructions as bytes, nested as is handy. */
export type Code = readonly (number | Code)[]

const I32 = 0x7f
const VOID = 0x40
const SIMD = 0xfd
const BULK = 0xfc

export const add: Code = [0x6a]
export const sub: Code = [0x6b]
export const and: Code = [0x71]
export const xor: Code = [0x73]
export const shl: Code = [0x74]
export const shrUnsigned: Code = [0x76]
export const lessUnsigned: Code = [0x49]
export const atLeastUnsigned: Code = [0x4f]
export const xor128: Code = [SIMD, 0x51]
/** Takes address, value, length. */
export const fill: Code = [BULK, 11, 0]

export function local(index: number): Code {
  return [0x20, index]
}

export function setLocal(index: number): Code {
  return [0x21, index]
}

export function teeLocal(index: number): Code {
  return [0x22, index]
}

export function i32(value: number): Code {
  return [0x41, signed(value | 0)]
}

/** Loads and stores take an address from the stack and add `offset` to it; alignment hints are none (any address). */
export function load8(offset: number): Code {
  return [0x2d, 0, unsigned(offset)]
}

export function load32(offset: number): Code {
  return [0x28, 0, unsigned(offset)]
}

export function store32(offset: number): Code {
  return [0x36, 0, unsigned(offset)]
}

export function load128(offset: number): Code {
  return [SIMD, 0, 0, unsigned(offset)]
}

export function store128(offset: number): Code {
  return [SIMD, 11, 0, unsigned(offset)]
}

/** Runs `body` once, and again as long as the i32 it leaves is not 0. */
export function repeat(...body: Code[]): Code {
  return [0x03, VOID, body, 0x0d, 0, 0x0b]
}

/** Runs `body` if the i32 on the stack is not 0. */
export function when(...body: Code[]): Code {
  return [0x04, VOID, body, 0x0b]
}

/** A module with one memory (export `memory`) and one function (export `run`) of i32 parameters that returns an i32. */
export function assemble(pages: number, parameters: number, locals: number, body: Code): Uint8Array<ArrayBuffer> {
  const code = flatten([1, unsigned(locals), I32, body, 0x0b])
  return Uint8Array.from(
    flatten([
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, [1, 0x60, parameters, Array<number>(parameters).fill(I32), 1, I32]),
      section(3, [1, 0]),
      section(5, [1, 0, unsigned(pages)]),
      section(7, [2, name('memory'), 2, 0, name('run'), 0, 0]),
      section(10, [1, unsigned(code.length), code]),
    ]),
  )
}

function section(id: number, body: Code): Code {
  const bytes = flatten(body)
  return [id, unsigned(bytes.length), bytes]
}

function name(text: string): Code {
  return [text.length, Array.from(text, (letter) => letter.charCodeAt(0))]
}

function flatten(code: Code, into: number[] = []): number[] {
  for (const part of code) {
    if (typeof part === 'number') into.push(part)
    else flatten(part, into)
  }
  return into
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return bytes
}

function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest < -64 || rest > 63; rest >>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest & 127)
  return bytes
}
