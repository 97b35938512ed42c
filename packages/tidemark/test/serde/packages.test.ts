import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { type Timestamp, StructSchema, TimestampSchema, ValueSchema } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { avro, avroWith } from '../../src/serde/avro.ts'
import { avroFingerprint } from '../../src/serde/avro-fingerprint.ts'
import { serdeByName } from '../../src/serde/by-name.ts'
import { msgpack, msgpackWith } from '../../src/serde/msgpack.ts'
import { protobuf, protobufWith } from '../../src/serde/protobuf/protobuf.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { string } from '../../src/serde/string.ts'
import { tuple } from '../../src/serde/tuple.ts'
import { compareBytes, decode, encode, roundTrip } from './encode.ts'

const code =
  (expected: string, words = /./) =>
  (error: unknown) => {
    const { code: found, message } = error as { code?: string; message: string }
    assert.match(message, words)
    return found === expected
  }

test('ERR_SERDE_PACKAGE: a serde whose package is missing says how to install it', () => {
  const missing = (name: string): never => {
    throw new Error(`Cannot find module '${name}'`)
  }
  assert.throws(() => msgpackWith(missing), code('ERR_SERDE_PACKAGE', /npm install @msgpack\/msgpack@3/))
  assert.throws(() => avroWith(missing, 'int'), code('ERR_SERDE_PACKAGE', /npm install avsc@5/))
  assert.throws(
    () => protobufWith(missing, TimestampSchema),
    code('ERR_SERDE_PACKAGE', /npm install @bufbuild\/protobuf@2/),
  )
})

test('msgpack: what it takes comes back as it was', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.double().map((value) => (value === 0 ? 0 : value)),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.uint8Array(),
    fc.date({ noInvalidDate: true }),
  )
  const name = fc.string().filter((text) => text !== '__proto__')
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value')),
      fc.dictionary(name, tie('value'), { noNullPrototype: true }),
    ),
  }))
  fc.assert(
    fc.property(value, (given) => {
      const serde = msgpack()
      serde.check?.(given)
      assert.deepEqual(roundTrip(serde, given), given)
    }),
    { numRuns: 300 },
  )
  assert.deepEqual(roundTrip(msgpack<{ a?: number | undefined }>(), { a: undefined }), {})
  assert.equal(serdeByName('msgpack').name, 'msgpack')
  assert.equal(serdeByName('tuple(string,msgpack)').discipline, tuple(string(), msgpack()).discipline)
})

test('msgpack refuses what would be changed in silence, and bytes that are none of its own', () => {
  const serde = msgpack()
  const ring: unknown[] = []
  ring.push(ring)
  class Point {
    readonly x = 1
  }
  for (const bad of [
    undefined,
    [undefined],
    new Map(),
    { s: new Set() },
    () => 1,
    Symbol('s'),
    new Point(),
    2n ** 64n,
    -(2n ** 63n) - 1n,
    new Date(Number.NaN),
    ring,
    new Float64Array(1),
  ]) {
    assert.throws(() => encode(serde, bad), code('ERR_SERDE'))
    assert.throws(() => serde.check?.(bad), code('ERR_SERDE'))
  }
  const whole = encode(serde, { name: 'ada', list: [1, 2, 3] })
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decode(serde, whole.subarray(0, length)), code('ERR_SERDE'))
  }
  assert.throws(() => decode(serde, Uint8Array.of(...whole, 1)), code('ERR_SERDE', /0x/))
})

test('bytes in decoded values are no views of what was read', () => {
  const packed = encode(msgpack(), { b: Uint8Array.of(1, 2, 3) })
  const unpacked = msgpack<{ b: Uint8Array }>().read(packed, 0, packed.length)
  const type = { type: 'record', name: 'B', fields: [{ name: 'b', type: 'bytes' }] } as const
  const serde = avro<{ b: Uint8Array }>(type)
  const written = encode(serde, { b: Buffer.of(1, 2, 3) })
  const read = serde.read(written, 0, written.length)
  packed.fill(0)
  written.fill(0)
  assert.deepEqual([...unpacked.b, ...read.b], [1, 2, 3, 1, 2, 3])
})

test('avro: fingerprints are those of the specification', () => {
  const hex = (schema: unknown): string => Buffer.from(avroFingerprint(schema)).reverse().toString('hex')
  // From the test data of Apache Avro (schema-tests.txt).
  assert.equal(hex('null'), '63dd24e7cc258f8a')
  assert.equal(hex('int'), '7275d51a3f395c8f')
  const bytes = encode(avro<number>('int'), 3)
  assert.deepEqual([...bytes], [0xc3, 0x01, 0x8f, 0x5c, 0x39, 0x3f, 0x1a, 0xd5, 0x75, 0x72, 6])
})

interface Visit {
  readonly user: string
  readonly at: number
  readonly tags: readonly string[]
  readonly page: string | null
}

const VISIT = {
  type: 'record',
  name: 'acme.Visit',
  fields: [
    { name: 'user', type: 'string' },
    { name: 'at', type: 'long' },
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'page', type: ['null', 'string'], default: null },
  ],
} as const

test('avro: records, unions and longs come back as they were', () => {
  const serde = avro<Visit>(JSON.stringify(VISIT))
  assert.equal(serde.name, 'avro(acme.Visit)')
  const text = fc.string({ unit: 'binary' })
  const fields = { user: text, at: fc.maxSafeInteger(), tags: fc.array(text), page: fc.option(text) }
  const visits = fc.record(fields, { noNullPrototype: true })
  fc.assert(fc.property(visits, (visit) => assert.deepEqual({ ...roundTrip(serde, visit) }, visit)))
  const big = avro<bigint>('long', { longs: 'bigint' })
  for (const value of [0n, -(2n ** 63n), 2n ** 63n - 1n]) assert.equal(roundTrip(big, value), value)
  assert.throws(() => encode(big, 1 as never), code('ERR_SERDE'))
  assert.throws(() => decode(avro<number>('long'), encode(big, 2n ** 53n)), code('ERR_SERDE'))
})

test('avro: values of older schemas are read, of unknown ones refused', () => {
  const older = { ...VISIT, fields: VISIT.fields.slice(0, 3) }
  const other = { ...VISIT, fields: [...VISIT.fields, { name: 'more', type: 'int' }] }
  const old = encode(avro<Omit<Visit, 'page'>>(older), { user: 'ada', at: 1, tags: [] })
  const now = avro<Visit>(VISIT, { older: [older] })
  assert.deepEqual({ ...decode(now, old) }, { user: 'ada', at: 1, tags: [], page: null })
  assert.throws(() => decode(avro<Visit>(VISIT), old), code('ERR_SERDE', /another schema, of fingerprint 8 bytes 0x/))
  const strange = encode(avro(other), { user: 'ada', at: 1, tags: [], page: null, more: 1 })
  assert.throws(() => decode(now, strange), code('ERR_SERDE', /older/))
  assert.throws(() => avro(VISIT, { older: ['int'] }), code('ERR_OPTION'))
  for (const longs of ['number', 'bigint'] as const) {
    const widened = avro<number | bigint>('long', { older: ['int'], longs })
    assert.equal(Number(decode(widened, encode(avro<number>('int'), -7))), -7)
  }
})

test('avro refuses what its schema does not describe, and damaged bytes', () => {
  const serde: Serde<unknown> = avro(VISIT)
  for (const bad of [null, {}, { user: 1 }, { user: 'a', at: 0.5, tags: [], page: null }]) {
    assert.throws(() => encode(serde, bad), code('ERR_SERDE'))
  }
  assert.throws(() => avro({ type: 'nothing' }), code('ERR_OPTION'))
  assert.throws(() => avro('{"type":'), code('ERR_OPTION'))
  const whole = encode(serde, { user: 'ada', at: 5, tags: ['x'], page: null })
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decode(serde, whole.subarray(0, length)), code('ERR_SERDE'))
  }
})

test('protobuf: messages come back, of generated schemas of any copy of the package', () => {
  const serde: Serde<Timestamp> = protobuf(TimestampSchema)
  assert.equal(serde.name, 'protobuf(google.protobuf.Timestamp)')
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer(), (seconds, nanos) => {
      const message = create(TimestampSchema, { seconds, nanos })
      assert.deepEqual(roundTrip(serde, message), message)
    }),
  )
  const nested = create(StructSchema, {
    fields: { a: create(ValueSchema, { kind: { case: 'stringValue', value: 'x' } }) },
  })
  assert.deepEqual(roundTrip(protobuf(StructSchema), nested), nested)
})

test('protobuf refuses what is no message of its schema, and damaged bytes', () => {
  const serde = protobuf(TimestampSchema)
  for (const bad of [null, {}, { seconds: 1n, nanos: 0 }, create(StructSchema)]) {
    assert.throws(() => encode(serde, bad as never), code('ERR_SERDE', /create\(TimestampSchema/))
  }
  assert.throws(() => encode(serde, { ...create(TimestampSchema), nanos: 'x' } as never), code('ERR_SERDE'))
  assert.throws(() => decode(serde, Uint8Array.of(0xff)), code('ERR_SERDE', /0xff/))
  assert.throws(() => protobuf({} as never), code('ERR_OPTION'))
  assert.equal(compareBytes(encode(serde, create(TimestampSchema)), new Uint8Array(0)), 0)
})
