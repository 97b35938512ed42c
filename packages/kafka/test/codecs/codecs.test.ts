import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'
import { BatchEncoder, CODECS, decompress, isTidemarkError, RecordCursor } from 'tidemark/system'
import { lz4 } from '../../src/codecs/lz4.ts'
import { registerKafkaCodecs } from '../../src/codecs/register.ts'
import { snappy } from '../../src/codecs/snappy.ts'

before(registerKafkaCodecs)

/** What the Java client wrote, and the records that it was given: fixtures of the core package. */
function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../tidemark/test/fixtures/golden/${name}`, import.meta.url))
}

interface Line {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

function lines(name: string): Line[] {
  return fixture(name)
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

const text = (bytes: Uint8Array, start: number, end: number): string | null =>
  end < 0 ? null : Buffer.from(bytes.subarray(start, end)).toString('base64')

function readAll(bytes: Uint8Array): Line[] {
  const cursor = new RecordCursor()
  cursor.reset(bytes)
  const all: Line[] = []
  while (cursor.nextBatch()) {
    while (cursor.next()) {
      all.push({
        offset: cursor.offset,
        timestamp: cursor.timestamp,
        key: text(cursor.bytes, cursor.keyStart, cursor.keyEnd),
        value: text(cursor.bytes, cursor.valueStart, cursor.valueEnd),
        headers: cursor.rawHeaders().map(({ name, value }) => {
          const header = value === null ? null : Buffer.from(value).toString('base64')
          return [Buffer.from(name).toString('base64'), header]
        }),
      })
    }
  }
  return all
}

for (const codec of CODECS) {
  test(`${codec}: the Java client's batches decode to the records it was given`, () => {
    const expected = lines(`golden-${codec}.jsonl`)
    assert.ok(expected.length > 100)
    assert.deepEqual(readAll(fixture(`golden-${codec}.log`)), expected)
  })

  test(`${codec}: what we write we read, with records of 100 kB too`, () => {
    const encoder = new BatchEncoder()
    const source = lines('golden-none.jsonl')
    for (const { timestamp, value } of source) {
      const bytes = value === null ? null : Buffer.from(value, 'base64')
      encoder.append(timestamp, null, 0, 0, bytes, 0, bytes?.length ?? 0, null)
    }
    const batch = encoder.finish({ codec })
    assert.deepEqual(
      readAll(batch).map(({ timestamp, value }) => [timestamp, value]),
      source.map(({ timestamp, value }) => [timestamp, value]),
    )
  })
}

const plain = Buffer.from('the same words over and over. '.repeat(20_000))

test('nothing unpacks to more than it may, whatever it says of itself', () => {
  for (const codec of [snappy, lz4]) {
    const packed = codec.compress(plain)
    assert.ok(packed.length < plain.length / 5)
    assert.deepEqual(Buffer.from(codec.decompress(packed, plain.length)), plain)
    assert.throws(() => codec.decompress(packed, plain.length - 1), RangeError)
  }
  // A snappy block of six bytes that says it has 4 GB, and one of 200 MB.
  const says = [Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0), Uint8Array.of(0x80, 0x84, 0xaf, 0x5f, 0, 0)]
  for (const block of says) assert.throws(() => snappy.decompress(block, 2 ** 29), RangeError)
})

test('snappy: the blocks of the xerial stream, which Java clients write', () => {
  const golden = fixture('golden-snappy.log')
  assert.ok(golden.includes(Buffer.from('82534e41505059', 'hex')))
  const parts = [plain.subarray(0, 100_000), plain.subarray(100_000)]
  const stream: Buffer[] = [Buffer.from('82534e415050590000000001000000 01'.replace(' ', ''), 'hex')]
  for (const part of parts) {
    const block = snappy.compress(part)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(block.length)
    stream.push(length, Buffer.from(block))
  }
  const whole = Buffer.concat(stream)
  assert.deepEqual(Buffer.from(snappy.decompress(whole, plain.length)), plain)
  assert.throws(() => snappy.decompress(whole, plain.length - 1), RangeError)
  for (const cut of [17, 19, 21, whole.length - 1])
    assert.throws(() => snappy.decompress(whole.subarray(0, cut), 2 ** 29), RangeError)
})

test('lz4: frames with sizes, checksums and plain blocks are read; dependent blocks are refused', () => {
  const noise = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919 * (i >> 3)) & 255))
  const packed = Buffer.from(lz4.compress(noise))
  assert.deepEqual(Buffer.from(lz4.decompress(packed, noise.length)), noise)
  // Version 1, independent, block checksums, content size, content checksum; blocks of 64 KiB.
  const header = Buffer.alloc(15)
  header.writeUInt32LE(0x184d2204)
  header[4] = 0x40 | 0x20 | 0x10 | 0x08 | 0x04
  header[5] = 0x40
  header.writeBigUInt64LE(8n, 6)
  const block = Buffer.concat([Buffer.from([8, 0, 0, 0x80]), Buffer.from('12345678'), Buffer.alloc(4)])
  const frame = Buffer.concat([header, block, Buffer.alloc(8)])
  assert.equal(Buffer.from(lz4.decompress(frame, 8)).toString(), '12345678')
  assert.throws(() => lz4.decompress(frame, 7), RangeError)
  const dependent = Buffer.from(packed)
  dependent[4] = 0x40
  assert.throws(() => lz4.decompress(dependent, 2 ** 29), /not one of Kafka's/)
})

test('damage is an error that names the batch, and what comes after is read as before', () => {
  for (const codec of ['snappy', 'lz4'] as const) {
    const whole = codec === 'snappy' ? snappy.compress(plain) : lz4.compress(plain)
    for (let cut = 0; cut < whole.length - 1; cut += 97) {
      assert.throws(() => decompress(codec, whole.subarray(0, cut)))
    }
    assert.deepEqual(Buffer.from(decompress(codec, whole)), plain)
    const damaged = Buffer.from(fixture(`golden-${codec}.log`))
    damaged.fill(0xff, 61, 90)
    const cursor = new RecordCursor({ verify: false })
    cursor.reset(damaged)
    assert.throws(
      () => cursor.nextBatch(),
      (error) => isTidemarkError(error, 'ERR_BATCH_CORRUPT') && error.message.includes(codec),
    )
  }
})
