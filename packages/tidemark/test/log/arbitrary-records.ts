import fc from 'fast-check'
import type { BatchEncoder } from '../../src/log/batch-encoder.ts'
import type { RecordCursor } from '../../src/log/record-cursor.ts'

/** A record as tests compare it; bytes as arrays, so that Buffer and Uint8Array do not differ. */
export interface PlainRecord {
  readonly timestamp: number
  readonly key: readonly number[] | null
  readonly value: readonly number[] | null
  readonly headers: readonly (readonly [string, readonly number[] | null])[]
}

const bytes = (maxLength: number): fc.Arbitrary<number[]> => fc.array(fc.nat(255), { maxLength, size: 'max' })

const blob: fc.Arbitrary<number[] | null> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant<number[]>([]) },
  { weight: 6, arbitrary: bytes(40) },
  // Around the lengths where a varint grows: 63/64, 8191/8192.
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(62, 63, 64, 65, 126, 127, 128, 8190, 8191, 8192, 9000)
      .map((n) => Array<number>(n).fill(n & 255)),
  },
)

const timestamp: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1_699_999_990_000, max: 1_700_000_010_000 }),
  fc.integer({ min: -200, max: 20_000_000 }),
  fc.maxSafeInteger(),
  fc.constantFrom(-1, 0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
)

const headerName = fc.constantFrom('', 'a', 'a', 'é', 'tm-mark', 'x'.repeat(70))
const headerList: fc.Arbitrary<(readonly [string, number[] | null])[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<[string, number[] | null][]>([]) },
  { weight: 2, arbitrary: fc.array(fc.tuple(headerName, blob), { maxLength: 4 }) },
)

const record: fc.Arbitrary<PlainRecord> = fc.record(
  { timestamp, key: blob, value: blob, headers: headerList },
  { noNullPrototype: true },
)

export const records: fc.Arbitrary<PlainRecord[]> = fc.array(record, { minLength: 1, maxLength: 12 })

function toBytes(values: readonly number[] | null): Uint8Array | null {
  return values === null ? null : Uint8Array.from(values)
}

/** Appends a record from slices that lie inside larger arrays, or writes its value in place. */
export function appendPlain(encoder: BatchEncoder, plain: PlainRecord, inPlace: boolean): void {
  const pad = (values: readonly number[] | null): Uint8Array | null => toBytes(values && [9, 9, ...values, 9])
  const key = pad(plain.key)
  const value = pad(plain.value)
  const keyEnd = 2 + (plain.key?.length ?? 0)
  const headers =
    plain.headers.length === 0 ? null : plain.headers.map(([n, v]): [string, Uint8Array | null] => [n, toBytes(v)])
  if (inPlace && value !== null) {
    encoder.begin(plain.timestamp, key, 2, keyEnd).raw(value, 2, value.length - 1)
    encoder.end(headers)
  } else {
    encoder.append(plain.timestamp, key, 2, keyEnd, value, 2, 2 + (plain.value?.length ?? 0), headers)
  }
}

/** The record the cursor stands on. */
export function plainAt(cursor: RecordCursor): PlainRecord {
  const { bytes: all, keyStart, keyEnd, valueStart, valueEnd } = cursor
  return {
    timestamp: cursor.timestamp,
    key: keyEnd < 0 ? null : [...all.subarray(keyStart, keyEnd)],
    value: valueEnd < 0 ? null : [...all.subarray(valueStart, valueEnd)],
    headers: cursor.headers().map(([name, value]) => [name, value && [...value]] as const),
  }
}

/** All records of bytes[start, end). */
export function readAll(
  cursor: RecordCursor,
  source: Uint8Array,
  start = 0,
  end: number = source.length,
): PlainRecord[] {
  const list: PlainRecord[] = []
  cursor.reset(source, start, end)
  while (cursor.nextBatch()) while (cursor.next()) list.push(plainAt(cursor))
  return list
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
