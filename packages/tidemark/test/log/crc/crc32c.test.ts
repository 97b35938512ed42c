import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../../src/log/crc/crc32c.ts'
import { CHUNK_BYTES, FOLD_DISTANCES_BYTES } from '../../../src/log/crc/crc32c-module.ts'
import { crc32cTable } from '../../../src/log/crc/crc32c-table.ts'
import { POLYNOMIAL } from '../../../src/log/crc/tables.ts'

/** Bit by bit, from the definition: the reference for both fast ways. */
function reference(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1
  for (let at = start; at < end; at++) {
    crc ^= bytes[at] as number
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
  }
  return ~crc >>> 0
}

function noise(length: number): Uint8Array {
  let state = 12345
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return state >>> 16
  })
}

test('crc32c gives the published check values', () => {
  // RFC 3720, appendix B.4, and the "check" value of the CRC catalogue.
  const text = (value: string): Uint8Array => new TextEncoder().encode(value)
  assert.equal(crc32c(text('123456789')), 0xe3069283)
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  assert.equal(crc32c(new Uint8Array(32).fill(255)), 0x62a8ab43)
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c)
  assert.equal(crc32c(new Uint8Array(0)), 0)
})

test('both ways agree with the bitwise reference at every length around their steps', () => {
  const bytes = noise(2000)
  for (let length = 0; length < 1200; length++) {
    const expected = reference(bytes, 3, 3 + length)
    assert.equal(crc32c(bytes, 3, 3 + length), expected, `length ${length}`)
    assert.equal(crc32cTable(bytes, 3, 3 + length, 0), expected, `length ${length} by table`)
  }
})

test('inputs longer than a chunk agree with the tables, and nothing of an earlier call remains', () => {
  const bytes = noise(CHUNK_BYTES * 3)
  for (const length of [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, CHUNK_BYTES + 127, CHUNK_BYTES + 128, 190_000]) {
    assert.equal(crc32c(bytes, 7, 7 + length), crc32cTable(bytes, 7, 7 + length, 0), `length ${length}`)
    assert.equal(crc32c(bytes, 7, 600), crc32cTable(bytes, 7, 600, 0), `600 after ${length}`)
  }
})

test('seed continues a crc at any split', () => {
  const bytes = noise(5000)
  const whole = crc32c(bytes)
  for (let split = 0; split <= bytes.length; split += 97) {
    assert.equal(crc32c(bytes, split, bytes.length, crc32c(bytes, 0, split)), whole)
  }
})

test('the fold distances make a multiple of the polynomial', () => {
  const reach = Math.max(...FOLD_DISTANCES_BYTES)
  const exponents = [0, reach, ...FOLD_DISTANCES_BYTES.filter((d) => d !== reach).map((d) => reach - d)]
  let sum = 0
  for (const exponent of exponents) {
    let power = 0x80000000
    for (let bit = 0; bit < exponent * 8; bit++) power = (power >>> 1) ^ (power & 1 ? POLYNOMIAL : 0)
    sum ^= power
  }
  assert.equal(sum, 0)
})

test('without WebAssembly the tables do all the work', async () => {
  const engine = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly') as PropertyDescriptor
  const url = new URL('../../../src/log/crc/crc32c.ts?without', import.meta.url).href
  Object.defineProperty(globalThis, 'WebAssembly', { ...engine, value: undefined })
  let alone: { readonly crc32c: typeof crc32c }
  try {
    alone = (await import(url)) as typeof alone
  } finally {
    Object.defineProperty(globalThis, 'WebAssembly', engine)
  }
  assert.notEqual(alone.crc32c, crc32c)
  const bytes = noise(CHUNK_BYTES + 500)
  for (const length of [0, 100, 128, 5000, bytes.length]) {
    assert.equal(alone.crc32c(bytes, 0, length), crc32c(bytes, 0, length))
  }
})
