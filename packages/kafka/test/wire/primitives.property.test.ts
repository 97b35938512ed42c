import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WireReader } from '../../src/wire/wire-reader.ts'
import { WireWriter } from '../../src/wire/wire-writer.ts'

/** One value of the protocol: how it is written, and how it is read again. */
type Item =
  | { readonly kind: 'int8' | 'int16' | 'int32' | 'int64' | 'varint'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string | null }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'uuid'; readonly value: string }

const number = (kind: 'int8' | 'int16' | 'int32' | 'int64' | 'varint', min: number, max: number): fc.Arbitrary<Item> =>
  fc.integer({ min, max }).map((value) => ({ kind, value }))

const item: fc.Arbitrary<Item> = fc.oneof(
  number('int8', -128, 127),
  number('int16', -32768, 32767),
  number('int32', -(2 ** 31), 2 ** 31 - 1),
  number('int64', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  number('varint', 0, 2 ** 32 - 1),
  fc.option(fc.string({ unit: 'grapheme' })).map((value) => ({ kind: 'string' as const, value })),
  fc.uint8Array({ maxLength: 9000, size: 'max' }).map((value) => ({ kind: 'bytes' as const, value })),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
    return { kind: 'uuid' as const, value: Buffer.from(bytes).toString('base64url') }
  }),
)

function write(writer: WireWriter, { kind, value }: Item): void {
  if (kind === 'string') writer.string(value)
  else if (kind === 'bytes') writer.bytes(value)
  else if (kind === 'uuid') writer.uuid(value)
  else writer[kind](value)
}

function read(reader: WireReader, kind: Item['kind']): Item['value'] {
  return kind === 'string' ? reader.nullableString() : reader[kind]()
}

test('what is written is read again, whatever its pieces', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 40 }), (items) => {
      const writer = new WireWriter().reserveSize()
      for (const each of items) write(writer, each)
      const size = writer.sizeBytes
      const whole = Buffer.concat(writer.finish())
      assert.equal(whole.length, size)
      assert.equal(whole.readInt32BE(0), size - 4)
      const reader = new WireReader(whole, 4)
      for (const each of items) assert.deepEqual(read(reader, each.kind), each.value)
      assert.equal(reader.position, reader.end)
    }),
  )
})

test('an answer that is cut off anywhere is an error, never a value beyond its end', () => {
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 8 }), fc.nat(), (items, cut) => {
      const writer = new WireWriter()
      for (const each of items) write(writer, each)
      const whole = Buffer.concat(writer.finish())
      const reader = new WireReader(whole, 0, cut % whole.length)
      assert.throws(
        () => {
          for (const each of items) read(reader, each.kind)
        },
        { code: 'ERR_KAFKA_PROTOCOL' },
      )
    }),
  )
})
