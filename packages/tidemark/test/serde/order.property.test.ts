import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytes } from '../../src/serde/bytes.ts'
import { boolean, float64, int32, int64 } from '../../src/serde/numbers.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { string } from '../../src/serde/string.ts'
import { tuple } from '../../src/serde/tuple.ts'
import { uint } from '../../src/serde/uint.ts'
import { compareBytes, encode, roundTrip } from './encode.ts'

const natural = <T extends number | bigint | boolean>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

function byCodePoint(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)]
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const order = natural(x[i]?.codePointAt(0) ?? 0, y[i]?.codePointAt(0) ?? 0)
    if (order !== 0) return order
  }
  return natural(x.length, y.length)
}

/** Round trips, and, as the serde says it is ordered, bytes that sort as the values do. */
function checkOrdered<T>(name: string, serde: Serde<T>, values: fc.Arbitrary<T>, order: (a: T, b: T) => number): void {
  test(`${name}: round trip, and bytes in the order of values`, () => {
    assert.equal(serde.ordered, true)
    fc.assert(
      fc.property(values, values, (a, b) => {
        assert.deepEqual(roundTrip(serde, a), a)
        serde.check?.(a)
        assert.equal(compareBytes(encode(serde, a), encode(serde, b)), Math.sign(order(a, b)))
      }),
      { numRuns: 400 },
    )
  })
}

// Near the ends of each length of the encoding, and anywhere.
const uints = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc
    .tuple(fc.integer({ min: 0, max: 53 }), fc.integer({ min: -2, max: 2 }))
    .map(([power, more]) => Math.min(Math.max(2 ** power + more, 0), Number.MAX_SAFE_INTEGER)),
)
const texts = fc.string({
  unit: fc.oneof(fc.constantFrom('\0', '\u0001', 'ÿ', '\ud83d\ude00', '\uffff'), fc.string({ unit: 'binary' })),
})
const byteArrays = fc
  .uint8Array({ maxLength: 6 })
  .map((list) => new Uint8Array(list.map((byte) => (byte < 90 ? byte % 3 : byte))))
const doubles = fc.double({ noNaN: true }).map((value) => (value === 0 ? 0 : value))

checkOrdered('uint', uint(), uints, natural)
checkOrdered('int32', int32(), fc.integer(), natural)
checkOrdered('int64', int64(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), natural)
checkOrdered('float64', float64(), doubles, natural)
checkOrdered('boolean', boolean(), fc.boolean(), natural)
checkOrdered('string', string(), texts, byCodePoint)
checkOrdered('bytes', bytes(), byteArrays, compareBytes)

type Pair = readonly [string, readonly [Uint8Array, number], boolean, string]
checkOrdered<Pair>(
  'tuple with tuples and bytes 0 in it',
  tuple(string(), tuple(bytes(), int32()), boolean(), string()),
  fc.tuple(texts, fc.tuple(byteArrays, fc.integer({ min: -3, max: 3 })), fc.boolean(), texts),
  (a, b) =>
    byCodePoint(a[0], b[0]) ||
    compareBytes(a[1][0], b[1][0]) ||
    natural(a[1][1], b[1][1]) ||
    natural(a[2], b[2]) ||
    byCodePoint(a[3], b[3]),
)

/** A serde of any nesting of tuples, values for it, and their order. */
interface Shape {
  readonly serde: Serde<unknown>
  readonly values: fc.Arbitrary<unknown>
  readonly order: (a: unknown, b: unknown) => number
}

const shape = <T>(serde: Serde<T>, values: fc.Arbitrary<T>, order: (a: T, b: T) => number): Shape =>
  ({ serde, values, order }) as unknown as Shape

/** NaN is the largest number, and the zeros are one. */
const byNumber = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : natural(a, b)

const PARTS: readonly Shape[] = [
  shape(uint(), uints, natural),
  shape(int32(), fc.integer(), natural),
  shape(int64(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), natural),
  shape(float64(), fc.oneof(fc.double(), fc.constantFrom(-0, 0, Number.NaN, Number.MIN_VALUE, -1)), byNumber),
  shape(boolean(), fc.boolean(), natural),
  shape(string(), texts, byCodePoint),
  shape(bytes(), byteArrays, compareBytes),
]

function tupleShape(parts: readonly Shape[]): Shape {
  return {
    serde: tuple(...parts.map((part) => part.serde)) as unknown as Serde<unknown>,
    values: fc.tuple(...parts.map((part) => part.values)),
    order: (a, b) => {
      for (const [i, part] of parts.entries()) {
        const order = part.order((a as unknown[])[i], (b as unknown[])[i])
        if (order !== 0) return order
      }
      return 0
    },
  }
}

const { anyTuple } = fc.letrec<{ anyTuple: Shape; part: Shape }>((tie) => ({
  anyTuple: fc.array(tie('part'), { minLength: 1, maxLength: 4 }).map(tupleShape),
  part: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom(...PARTS), tie('anyTuple')),
}))

test('tuples of any parts, nested in any way: the order of the bytes is that of the values', () => {
  // Of two values one after the other: alike in the beginning, so that later parts decide.
  const pair = anyTuple.chain(({ serde, values, order }) =>
    fc.tuple(values, values, fc.nat(4)).map(([a, b, same]) => {
      const [x, y] = [a as unknown[], b as unknown[]]
      return { serde, order, a, b: y.map((value, i) => (i < same ? x[i] : value)) }
    }),
  )
  fc.assert(
    fc.property(pair, ({ serde, order, a, b }) => {
      assert.equal(serde.ordered, true)
      assert.equal(compareBytes(encode(serde, a), encode(serde, b)), Math.sign(order(a, b)))
      assert.equal(order(roundTrip(serde, a), a), 0)
    }),
    { numRuns: 1500 },
  )
})

test('uint: as short as a varint of 7 bits a byte', () => {
  for (const [value, length] of [
    [127, 1],
    [128, 2],
    [2 ** 14 - 1, 2],
    [2 ** 14, 3],
    [2 ** 28 - 1, 4],
    [2 ** 35 - 1, 5],
    [2 ** 42 - 1, 6],
    [2 ** 49 - 1, 7],
    [Number.MAX_SAFE_INTEGER, 8],
  ] as const) {
    assert.equal(encode(uint(), value).length, length, String(value))
  }
})

test('float64: NaN sorts last, -0 is 0, infinities are kept', () => {
  assert.ok(Number.isNaN(roundTrip(float64(), Number.NaN)))
  assert.equal(compareBytes(encode(float64(), Number.NaN), encode(float64(), Number.POSITIVE_INFINITY)), 1)
  const negative = new DataView(new ArrayBuffer(8))
  negative.setBigUint64(0, 0xfff8_0000_0000_0001n)
  assert.deepEqual(encode(float64(), negative.getFloat64(0)), encode(float64(), Number.NaN))
  assert.ok(Object.is(roundTrip(float64(), -0), 0))
  assert.equal(roundTrip(float64(), Number.NEGATIVE_INFINITY), Number.NEGATIVE_INFINITY)
})
