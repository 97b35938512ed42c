import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/errors/error.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import { setBaseOffset } from '../../src/log/batch-header.ts'
import type { WriteCodec } from '../../src/log/codec.ts'
import { encodeMarker, readMarker } from '../../src/log/control.ts'
import { dumpFile, dumpRecords } from '../../src/log/dump.ts'
import { type AbortedTransaction, TransactionScan } from '../../src/log/read-committed.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import { concat } from './arbitrary-records.ts'

/** A partition that tests append to; data batches are transactional if they have a producer. */
class Partition {
  readonly parts: Uint8Array[] = []
  end = 0

  data(producerId: number | null, count: number, codec: WriteCodec = 'none', valueBytes = 3): this {
    const encoder = new BatchEncoder()
    const value = new Uint8Array(valueBytes).fill(producerId ?? 0)
    for (let i = 0; i < count; i++) encoder.append(this.end + i, null, 0, 0, value, 0, valueBytes, null)
    const options = producerId === null ? {} : { producerId, producerEpoch: 0, baseSequence: 0, transactional: true }
    return this.add(encoder.finish({ codec, ...options }), count)
  }

  marker(type: 'commit' | 'abort', producerId: number): this {
    return this.add(encodeMarker({ type, producerId, producerEpoch: 0, coordinatorEpoch: 3, timestamp: 9 }), 1)
  }

  private add(batch: Uint8Array, count: number): this {
    setBaseOffset(batch, 0, this.end)
    this.parts.push(batch)
    this.end += count
    return this
  }

  bytes(): Uint8Array {
    return concat(...this.parts)
  }

  offsets(committed: boolean): number[] {
    return [...dumpRecords(this.bytes(), { committed })].map((record) => record.offset)
  }
}

function scan(bytes: Uint8Array): { aborted: readonly AbortedTransaction[]; lastStableOffset: number } {
  const transactions = new TransactionScan()
  const cursor = new RecordCursor()
  cursor.reset(bytes)
  while (cursor.nextBatch()) transactions.visit(cursor)
  return transactions.summary()
}

/** Three producers, interleaved, as in the golden file: two aborts, two commits, plain records in between. */
function interleaved(): Partition {
  return new Partition()
    .data(14, 5)
    .data(15, 5, 'zstd')
    .data(null, 3)
    .marker('commit', 14) // 13
    .data(15, 4)
    .marker('abort', 15) // 18
    .data(14, 2)
    .data(15, 2, 'gzip')
    .marker('commit', 15) // 23
    .data(14, 1)
    .marker('abort', 14) // 25
    .data(15, 1)
    .marker('commit', 15) // 27
    .data(null, 2)
}

test('markers come back as they were written', () => {
  for (const type of ['commit', 'abort'] as const) {
    const bytes = encodeMarker({
      type,
      producerId: 77,
      producerEpoch: 5,
      coordinatorEpoch: 9,
      timestamp: 1_700_000_000_000,
    })
    const cursor = new RecordCursor()
    cursor.reset(bytes)
    assert.ok(cursor.nextBatch())
    assert.deepEqual([cursor.isControl, cursor.isTransactional], [true, true])
    assert.deepEqual([cursor.producerId, cursor.producerEpoch, cursor.baseSequence], [77, 5, -1])
    assert.deepEqual(readMarker(cursor), { type, coordinatorEpoch: 9 })
    assert.equal(cursor.timestamp, 1_700_000_000_000)
  }
})

test('uncommitted readers see all data records and no marker', () => {
  const expected = Array.from({ length: 30 }, (_, i) => i).filter((i) => ![13, 18, 23, 25, 27].includes(i))
  assert.deepEqual(interleaved().offsets(false), expected)
})

test('an aborted transaction is hidden from its first record to its marker, for its producer alone', () => {
  assert.deepEqual(interleaved().offsets(true), [0, 1, 2, 3, 4, 10, 11, 12, 21, 22, 26, 28, 29])
  assert.deepEqual(scan(interleaved().bytes()), {
    aborted: [
      { producerId: 15, firstOffset: 5 },
      { producerId: 14, firstOffset: 19 },
    ],
    lastStableOffset: 30,
  })
})

test('nothing from the first record of an open transaction on is committed', () => {
  const partition = new Partition()
    .data(1, 2)
    .marker('commit', 1)
    .data(2, 2)
    .data(null, 3)
    .data(1, 1)
    .marker('commit', 1)
  assert.deepEqual(partition.offsets(true), [0, 1])
  assert.equal(scan(partition.bytes()).lastStableOffset, 3)
})

test('a marker whose transaction began in an earlier segment ends nothing here', () => {
  const partition = new Partition().marker('abort', 4).data(4, 2).marker('commit', 4)
  assert.deepEqual(partition.offsets(true), [1, 2])
})

test('control records of other types are skipped', () => {
  const encoder = new BatchEncoder()
  encoder.append(1, Uint8Array.of(0, 0, 0, 2), 0, 4, new Uint8Array(0), 0, 0, null)
  const bytes = encoder.finish({ control: true })
  assert.deepEqual([...dumpRecords(bytes)], [])
  assert.deepEqual([...dumpRecords(bytes, { committed: true })], [])
})

function diskWith(bytes: Uint8Array): MemDisk {
  const disk = new MemDisk()
  disk.makeDirectory('/d')
  const file = disk.open('/d/segment.log', 'create')
  file.write(bytes, 0)
  file.close()
  return disk
}

test('dumpFile gives the same as dumpRecords for files larger than its buffer, and batches larger too', () => {
  const partition = interleaved()
  for (let i = 0; i < 40; i++) partition.data(null, 3, 'none', 31_000)
  partition.data(20, 1, 'none', 3_500_000).marker('abort', 20).data(21, 30, 'zstd', 90_000).marker('commit', 21)
  const bytes = partition.bytes()
  const disk = diskWith(bytes)
  for (const committed of [false, true]) {
    assert.deepEqual([...dumpFile(disk, '/d/segment.log', { committed })], [...dumpRecords(bytes, { committed })])
  }
})

test('dumpFile closes the file when its reader stops early', () => {
  const disk = diskWith(interleaved().bytes())
  let closed = 0
  const open = disk.open.bind(disk)
  disk.open = (path, mode) => {
    const file = open(path, mode)
    const close = file.close.bind(file)
    file.close = () => {
      closed++
      close()
    }
    return file
  }
  for (const record of dumpFile(disk, '/d/segment.log')) if (record.offset === 2) break
  assert.equal(closed, 1)
})

test('a file that ends inside a batch gives the records before it, then ERR_BATCH_CORRUPT with the position', () => {
  const partition = new Partition().data(null, 3)
  const whole = partition.bytes().length
  const bytes = partition.data(null, 2, 'none', 2_000_000).bytes()
  for (const length of [whole + 1, whole + 20, bytes.length - 1]) {
    const cut = bytes.subarray(0, length)
    for (const records of [dumpRecords(cut), dumpFile(diskWith(cut), '/d/segment.log')]) {
      const offsets: number[] = []
      assert.throws(
        () => {
          for (const record of records) offsets.push(record.offset)
        },
        (error) => isTidemarkError(error, 'ERR_BATCH_CORRUPT') && error.details['position'] === whole,
      )
      assert.deepEqual(offsets, [0, 1, 2])
    }
  }
})

test('a damaged length in a file gives ERR_BATCH_CORRUPT with the position in the file', () => {
  const partition = new Partition().data(null, 40, 'none', 50_000)
  const whole = partition.bytes().length
  const bytes = partition.data(null, 2).bytes()
  bytes.set([0xff, 0xff, 0xff, 0xff], whole + 8)
  assert.throws(
    () => [...dumpFile(diskWith(bytes), '/d/segment.log')],
    (error) => isTidemarkError(error, 'ERR_BATCH_CORRUPT') && error.details['position'] === whole,
  )
})

test('an empty file has no records', () => {
  assert.deepEqual([...dumpFile(diskWith(new Uint8Array(0)), '/d/segment.log', { committed: true })], [])
  assert.deepEqual([...dumpRecords(new Uint8Array(0))], [])
})
