import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { encodeMarker, type Marker, readMarker } from '../../src/log/control.ts'
import { AT, setBaseOffset, writeInt32 } from '../../src/log/batch-header.ts'
import { dumpFile, dumpRecords } from '../../src/log/dump.ts'
import { type AbortedTransaction, ReadCommittedFilter, TransactionScan } from '../../src/log/read-committed.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'

/** A line of golden-txn-own.batches.jsonl: what Kafka's own reader of segment files says of a batch. */
interface JavaBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly recordCount: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly codec: string
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly marker: Marker | null
}

function fixture(suffix: string): Buffer {
  return readFileSync(new URL(`../fixtures/golden/golden-txn-own.${suffix}`, import.meta.url))
}

function lines<Line>(suffix: string): Line[] {
  return fixture(suffix)
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

const segment = fixture('log')
const batches = lines<JavaBatch>('batches.jsonl')
const aborted = lines<AbortedTransaction>('aborted.jsonl')

/** Enters each batch of the segment in turn. */
function* cursors(): Generator<RecordCursor, void, void> {
  const cursor = new RecordCursor()
  cursor.reset(segment)
  while (cursor.nextBatch()) yield cursor
  assert.equal(cursor.incomplete, false)
}

test('the vectors have what they are for', () => {
  const markers = batches.flatMap(({ marker }) => (marker === null ? [] : [marker.type]))
  assert.deepEqual([markers.filter((type) => type === 'commit').length, aborted.length], [6, 7])
  assert.equal(markers.length, 13)
  assert.equal(new Set(batches.filter((batch) => batch.isTransactional).map((batch) => batch.producerId)).size, 3)
  assert.deepEqual([...new Set(batches.map((batch) => batch.codec))].toSorted(), ['gzip', 'none', 'zstd'])
  assert.ok(batches.some((batch) => !batch.isTransactional && batch.producerId >= 0))
  assert.ok(batches.some((batch) => batch.producerId === -1))
  assert.deepEqual([lines('uncommitted.jsonl').length, lines('committed.jsonl').length], [54, 30])
})

for (const [isolation, committed] of [
  ['uncommitted', false],
  ['committed', true],
] as const) {
  test(`${isolation}: the segment dumps as the Java consumer's records, byte for byte`, () => {
    const disk = new MemDisk()
    disk.makeDirectory('/d')
    const file = disk.open('/d/segment.log', 'create')
    file.write(segment, 0)
    file.close()
    const expected = fixture(`${isolation}.jsonl`).toString()
    for (const records of [dumpRecords(segment, { committed }), dumpFile(disk, '/d/segment.log', { committed })]) {
      assert.equal([...records].map((record) => `${JSON.stringify(record)}\n`).join(''), expected)
    }
  })
}

test('every batch header and marker decodes as Kafka decodes it', () => {
  assert.deepEqual(Array.from(cursors(), javaView), batches)
})

function javaView(cursor: RecordCursor): JavaBatch {
  const { baseOffset, lastOffset, recordCount, maxTimestamp, producerId, producerEpoch, baseSequence } = cursor
  const { codec, isTransactional, isControl } = cursor
  const batch = { baseOffset, lastOffset, recordCount, maxTimestamp, producerId, producerEpoch, baseSequence }
  return { ...batch, codec, isTransactional, isControl, marker: isControl ? readMarker(cursor) : null }
}

test('encodeMarker writes the control batches that the broker wrote, byte for byte, but for the leader epoch', () => {
  let count = 0
  for (const cursor of cursors()) {
    if (!cursor.isControl) continue
    const { producerId, producerEpoch, maxTimestamp: timestamp } = cursor
    const written = segment.subarray(cursor.batchStart, cursor.batchEnd)
    const marker = readMarker(cursor)
    assert.ok(marker !== null)
    const encoded = encodeMarker({ ...marker, producerId, producerEpoch, timestamp })
    setBaseOffset(encoded, 0, cursor.baseOffset)
    // The leader's epoch is the broker's to set, as the base offset is; the CRC covers neither.
    writeInt32(encoded, AT.leaderEpoch, 0)
    assert.equal(Buffer.from(encoded).toString('hex'), written.toString('hex'))
    count++
  }
  assert.equal(count, 13)
})

test("TransactionScan finds the transactions of the broker's index of aborted ones, and no open one", () => {
  const scan = new TransactionScan()
  for (const cursor of cursors()) scan.visit(cursor)
  assert.deepEqual(scan.summary(), { aborted, lastStableOffset: 67 })
})

test("ReadCommittedFilter with the broker's index accepts the batches of the committed records", () => {
  const filter = new ReadCommittedFilter()
  filter.reset(aborted)
  const offsets: number[] = []
  for (const cursor of cursors()) if (filter.accepts(cursor)) while (cursor.next()) offsets.push(cursor.offset)
  assert.deepEqual(
    offsets,
    lines<{ offset: number }>('committed.jsonl').map((line) => line.offset),
  )
})

test('cut after any batch, the committed records are those below the first offset of what is open there', () => {
  const committed = lines<{ offset: number }>('committed.jsonl')
  const ends = Array.from(cursors(), (cursor) => cursor.batchEnd)
  const open = new Map<number, number>()
  for (const [index, batch] of batches.entries()) {
    if (batch.isControl) open.delete(batch.producerId)
    else if (batch.isTransactional && !open.has(batch.producerId)) open.set(batch.producerId, batch.baseOffset)
    const stable = Math.min(batch.lastOffset + 1, ...open.values())
    assert.deepEqual(
      [...dumpRecords(segment.subarray(0, ends[index]), { committed: true })],
      committed.filter((record) => record.offset < stable),
    )
  }
})
