import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Frames } from '../../src/net/frames.ts'

test('answers come out whole and in order, however the bytes are cut', () => {
  const bodies = fc.array(fc.uint8Array({ minLength: 4, maxLength: 300, size: 'max' }), { maxLength: 12 })
  fc.assert(
    fc.property(bodies, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 20 }), (frames, cuts) => {
      const parts: Buffer[] = []
      for (const body of frames) {
        const head = Buffer.alloc(4)
        head.writeInt32BE(body.length)
        parts.push(head, Buffer.from(body))
      }
      const stream = Buffer.concat(parts)
      const got: Buffer[] = []
      const cutter = new Frames((frame) => got.push(Buffer.from(frame)))
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = cuts[i % cuts.length] as number
        cutter.push(stream.subarray(at, at + size))
        at += size
      }
      assert.deepEqual(
        got,
        frames.map((body) => Buffer.from(body)),
      )
    }),
  )
})

test('ERR_KAFKA_PROTOCOL for sizes that are none', () => {
  for (const text of ['HTTP', '\u0000\u0000\u0000\u0003']) {
    const cutter = new Frames(() => assert.fail('there is no answer'))
    assert.throws(() => cutter.push(Buffer.from(text, 'latin1')), { code: 'ERR_KAFKA_PROTOCOL' })
  }
})
