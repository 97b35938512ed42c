import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { ZstdFrames } from '../../src/sources/zstd-frames.ts'
import { cutAt } from './support.ts'

function skippable(size: number): Buffer {
  const frame = Buffer.alloc(8 + size, 7)
  frame.writeUInt32LE(0x184d2a53, 0)
  frame.writeUInt32LE(size, 4)
  return frame
}

const frame = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 400_000 }), fc.boolean(), fc.boolean(), fc.boolean())
    .map(([size, repeated, checksum, sized]) => {
      const content = Buffer.alloc(size)
      if (!repeated) for (let i = 0; i < size; i++) content[i] = (i * 2_654_435_761) >>> (i % 24)
      return zstdCompressSync(content, {
        params: {
          [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0,
          [constants.ZSTD_c_contentSizeFlag]: sized ? 1 : 0,
        },
      })
    }),
  fc.constantFrom(0, 1, 300).map(skippable),
)

test('each cut ends at the end of a frame or of the piece, and nothing is lost', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 8 }), (frames, cuts) => {
      const all = Buffer.concat(frames)
      const ends = new Set<number>()
      let end = 0
      for (const one of frames) ends.add((end += one.length))
      const splitter = new ZstdFrames()
      let at = 0
      for (const piece of cutAt(all, cuts)) {
        const pieceEnd = at + piece.length
        for (const cut of splitter.cut(piece)) {
          const before = [...ends].filter((frameEnd) => frameEnd > at && frameEnd < at + cut.length)
          assert.deepEqual(before, [], 'no frame ends inside a cut')
          assert.deepEqual(Buffer.from(cut), all.subarray(at, at + cut.length))
          at += cut.length
          assert.ok(ends.has(at) || at === pieceEnd)
        }
        assert.equal(at, pieceEnd)
      }
    }),
    { numRuns: 100 },
  )
})

test('bytes that are no frame are passed on', () => {
  const cuts = new ZstdFrames().cut(Buffer.from('not zstd at all'))
  assert.equal(Buffer.concat(cuts).toString(), 'not zstd at all')
})
