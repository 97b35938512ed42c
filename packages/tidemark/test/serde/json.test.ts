import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { z } from 'zod'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/string.ts'
import { withSchema } from '../../src/serde/with-schema.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { decode, encode, roundTrip } from './encode.ts'

const serde: Serde<unknown> = json()

test('json: what it takes comes back', () => {
  // JSON has no -0, and an own __proto__ is a key that only fast-check thinks of.
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      assert.deepEqual(roundTrip(serde, value), JSON.parse(JSON.stringify(value)))
      serde.check?.(value)
    }),
    { numRuns: 300 },
  )
})

class Money {
  readonly cents = 1
}

const LOST: readonly (readonly [unknown, RegExp])[] = [
  [new Date(0), /the value as it is: a Date would become a string/],
  [{ a: { at: new Date(0) } }, /the value's a\.at as it is: a Date/],
  [{ list: [1, { m: new Map() }] }, /the value's list\.1\.m as it is: an object of class Map/],
  [new Set([1]), /class Set/],
  [Uint8Array.of(1), /class Uint8Array/],
  [new Money(), /class Money/],
  [{ n: 1n }, /the value's n as it is: JSON has no bigint/],
  [{ f: () => 1 }, /a function would get lost/],
  [{ s: Symbol('x') }, /a symbol would get lost/],
  [undefined, /undefined would become null/],
  [[undefined], /the value's 0 as it is: undefined/],
  [new Array(1), /the value's 0 as it is: undefined/],
  [Number.NaN, /NaN would become null/],
  [{ n: Number.POSITIVE_INFINITY }, /Infinity would become null/],
  [{ toJSON: () => 'x' }, /a function would get lost/],
]

test('json: what JSON would lose throws ERR_SERDE with the path and the reason', () => {
  for (const [value, message] of LOST) {
    assert.throws(() => encode(serde, value), { code: 'ERR_SERDE', message })
    assert.throws(() => serde.check?.(value), { code: 'ERR_SERDE', message })
  }
})

test('json: a value that contains itself throws ERR_SERDE', () => {
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  assert.throws(() => encode(serde, loop), { code: 'ERR_SERDE', message: /contains itself/ })
})

test('json: an undefined property counts as absent; plain objects of other realms and without prototype are fine', () => {
  assert.deepEqual(roundTrip(serde, { a: undefined, b: 1 }), { b: 1 })
  assert.deepEqual(roundTrip(serde, runInNewContext('({ a: [1] })')), { a: [1] })
  assert.deepEqual(roundTrip(serde, Object.assign(Object.create(null), { a: 1 })), { a: 1 })
})

test('json: text that is no JSON is shown, bounded', () => {
  const error = { code: 'ERR_SERDE', message: /not JSON: "\{\\"user\\"/ }
  assert.throws(() => decode(serde, Buffer.from('{"user": ada}')), error)
  assert.throws(
    () => decode(serde, Buffer.from(`{${'x'.repeat(10_000)}`)),
    (e: Error) => e.message.length < 300,
  )
})

const Visit = z.object({ user: z.string(), at: z.number().int() })

test('json(schema): validates what is read and what is written', () => {
  const visits = json(Visit)
  assert.equal(visits.name, 'json')
  assert.equal(visits.discipline, 'frozen')
  assert.deepEqual(roundTrip(visits, { user: 'ada', at: 1 }), { user: 'ada', at: 1 })
  const wrong = { user: 'ada', at: 'noon' } as unknown as z.infer<typeof Visit>
  const message = /a value to write does not match its schema: at: .*number/
  assert.throws(() => encode(visits, wrong), { code: 'ERR_SERDE', message })
  assert.throws(() => visits.check?.(wrong), { code: 'ERR_SERDE', message })
  const read = { code: 'ERR_SERDE', message: /a value that was read does not match its schema/ }
  assert.throws(() => decode(visits, encode(serde, wrong)), read)
})

test("json(schema, { validate: 'read' }): writes without looking", () => {
  const wrong = { user: 'ada', at: 'noon' } as unknown as z.infer<typeof Visit>
  assert.doesNotThrow(() => encode(json(Visit, { validate: 'read' }), wrong))
})

test('json(schema, { encode }): goes to and from what the schema makes', () => {
  const At = z.object({ at: z.iso.datetime().transform((text) => new Date(text)) })
  const events = json(At, { encode: ({ at }) => ({ at: at.toISOString() }) })
  assert.equal(events.discipline, 'copied')
  const value = { at: new Date(1000) }
  assert.equal(Buffer.from(encode(events, value)).toString(), '{"at":"1970-01-01T00:00:01.000Z"}')
  assert.deepEqual(roundTrip(events, value), value)
})

test('a schema that validates asynchronously throws ERR_SERDE', () => {
  const later = z.string().refine(async () => Promise.resolve(true))
  assert.throws(() => encode(json(later), 'x'), { code: 'ERR_SERDE', message: /asynchronous/ })
})

test('withSchema: puts a schema over any serde', () => {
  const ids = withSchema(string(), z.string().regex(/^u\d+$/))
  assert.equal(ids.name, 'string')
  assert.equal(ids.ordered, true)
  assert.equal(roundTrip(ids, 'u1'), 'u1')
  assert.throws(() => encode(ids, 'x1'), { code: 'ERR_SERDE' })
  assert.throws(() => decode(ids, Buffer.from('x1')), { code: 'ERR_SERDE' })
  assert.throws(() => ids.check?.('x1'), { code: 'ERR_SERDE' })
})

test('json of something that is no schema throws ERR_OPTION', () => {
  assert.throws(() => json({} as typeof Visit), { code: 'ERR_OPTION', message: /Standard Schema/ })
})
