import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerMemory } from '../../src/net/answer-memory.ts'

const KIB = 1024

test('memory is used again when the last who kept a part of it has released it', () => {
  const memory = new AnswerMemory()
  const first = memory.allocate(300 * KIB)
  const parts = [first.subarray(0, 10), first.subarray(10, 20)]
  for (const part of parts) memory.keep(part)
  memory.release(parts[0] as Buffer)
  assert.notEqual(memory.allocate(300 * KIB).buffer, first.buffer)
  memory.release(parts[1] as Buffer)
  const next = memory.allocate(400 * KIB)
  assert.equal(next.buffer, first.buffer, 'it is made in steps')
  assert.equal(next.length, 400 * KIB)
  assert.notEqual(memory.allocate(300 * KIB).buffer, first.buffer, 'once')
})

test('a small answer does not take the memory of a large one, and one takes the smallest that will do', () => {
  const memory = new AnswerMemory()
  const sizes = [4096, 1024, 2048]
  const buffers = sizes.map((size) => memory.allocate(size * KIB))
  for (const each of buffers) {
    memory.keep(each)
    memory.release(each)
  }
  const tiny = memory.allocate(70 * KIB)
  assert.ok(buffers.every(({ buffer }) => buffer !== tiny.buffer))
  assert.equal(memory.allocate(1500 * KIB).buffer, buffers[2]?.buffer)
  assert.equal(memory.allocate(1500 * KIB).buffer, buffers[0]?.buffer)
})

test('what is not of it, small, or released too often, is left alone', () => {
  const memory = new AnswerMemory()
  const small = memory.allocate(100)
  for (const each of [small, Buffer.alloc(100_000), new Uint8Array(100_000)]) {
    memory.keep(each)
    memory.release(each)
  }
  const large = memory.allocate(100_000)
  memory.keep(large)
  for (let i = 0; i < 3; i++) memory.release(large)
  const again = [memory.allocate(100_000), memory.allocate(100_000)]
  assert.deepEqual(
    again.map(({ buffer }) => buffer === large.buffer),
    [true, false],
  )
})

test('little of it lies unused', () => {
  const memory = new AnswerMemory()
  const size = 10 * KIB * KIB
  const buffers = [0, 1, 2, 3].map(() => memory.allocate(size))
  for (const each of buffers) {
    memory.keep(each)
    memory.release(each)
  }
  const known = new Set(buffers.map(({ buffer }) => buffer))
  const found = [0, 1, 2, 3].filter(() => known.has(memory.allocate(size).buffer))
  assert.equal(found.length, 2)
})
