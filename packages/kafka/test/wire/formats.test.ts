import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Api } from '../../src/wire/api.ts'
import { fetchRecords } from '../../src/wire/fetch.ts'
import { metadata } from '../../src/wire/metadata.ts'
import { produce } from '../../src/wire/produce.ts'
import { endTxn, initProducerId, txnOffsetCommit } from '../../src/wire/transactions.ts'
import { WireReader } from '../../src/wire/wire-reader.ts'
import { WireWriter } from '../../src/wire/wire-writer.ts'

/** Bytes by hand, from the tables of Kafka's protocol guide: numbers are hexadecimal, blanks only for reading. */
function hex(...parts: readonly string[]): Buffer {
  return Buffer.from(parts.join('').replaceAll(' ', ''), 'hex')
}

function written<Q>(api: Api<Q, unknown>, q: Q, version: number = api.version): string {
  const writer = new WireWriter()
  api.write(writer, q, version)
  return Buffer.concat(writer.finish()).toString('hex')
}

function read<R>(api: Api<never, R>, bytes: Buffer, version: number = api.version): R {
  const reader = new WireReader(bytes)
  const answer = api.read(reader, version)
  return answer
}

const ID = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex').toString('base64url')
const ID_HEX = '000102030405060708090a0b0c0d0e0f'

test('InitProducerId 5 asks with producer id and epoch -1, not 0', () => {
  const q = { transactionalId: 'ab', transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 }
  assert.equal(written(initProducerId, q), hex('03 6162', '0000ea60', 'ffffffffffffffff', 'ffff', '00').toString('hex'))
  const answer = read(initProducerId, hex('00000000', '0033', '0000000000000102', '0007', '00'))
  assert.deepEqual(answer, { error: 51, producerId: 258, producerEpoch: 7 })
})

test('EndTxn 5 takes producer id and epoch from the answer', () => {
  const q = { transactionalId: 'ab', producerId: 5, producerEpoch: 3, commit: true }
  assert.equal(written(endTxn, q), hex('03 6162', '0000000000000005', '0003', '01', '00').toString('hex'))
  const answer = read(endTxn, hex('00000000', '0000', '0000000000000005', '0004', '00'))
  assert.deepEqual(answer, { error: 0, producerId: 5, producerEpoch: 4 })
})

test('TxnOffsetCommit 5 has no member and generation -1', () => {
  const partitions = [{ partition: 1, offset: 9, leaderEpoch: -1, metadata: null }]
  const q = { transactionalId: 't', group: 'g', producerId: 5, producerEpoch: 3, topics: [{ topic: 's', partitions }] }
  const bytes = hex(
    '02 74',
    '02 67',
    '0000000000000005',
    '0003',
    'ffffffff',
    '01',
    '00',
    '02',
    '02 73',
    '02',
    '00000001',
    '0000000000000009',
    'ffffffff',
    '00',
    '00',
    '00',
    '00',
  )
  assert.equal(written(txnOffsetCommit, q), bytes.toString('hex'))
})

test('Produce 12 has acks -1 and the ranges of a batch as one value', () => {
  const batch = [Uint8Array.of(1, 2), Uint8Array.of(3)]
  const q = { transactionalId: null, timeoutMs: 1, topics: [{ topic: 's', partitions: [{ partition: 4, batch }] }] }
  const bytes = hex('00', 'ffff', '00000001', '02', '02 73', '02', '00000004', '04 010203', '00', '00', '00')
  assert.equal(written(produce, q), bytes.toString('hex'))
})

test('Produce does not copy a large batch', () => {
  const batch = [new Uint8Array(5000)]
  const writer = new WireWriter()
  produce.write(
    writer,
    { transactionalId: null, timeoutMs: 1, topics: [{ topic: 's', partitions: [{ partition: 0, batch }] }] },
    12,
  )
  assert.ok(writer.finish().some((piece) => piece === batch[0]))
})

test('Fetch 13 and 16 differ by the replica id', () => {
  const partitions = [{ partition: 2, leaderEpoch: 5, offset: 7, lastFetchedEpoch: -1, maxBytes: 256 }]
  const q = {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 1024,
    readCommitted: true,
    sessionId: 0,
    sessionEpoch: 0,
    topics: [{ id: ID, partitions }],
    forgotten: [{ id: ID, partitions: [3] }],
  }
  const rest = hex(
    '000001f4',
    '00000001',
    '00000400',
    '01',
    '00000000',
    '00000000',
    '02',
    ID_HEX,
    '02',
    '00000002',
    '00000005',
    '0000000000000007',
    'ffffffff',
    'ffffffffffffffff',
    '00000100',
    '00',
    '00',
    '02',
    ID_HEX,
    '02',
    '00000003',
    '00',
    '01',
    '00',
  ).toString('hex')
  assert.equal(written(fetchRecords, q, 13), `ffffffff${rest}`)
  assert.equal(written(fetchRecords, q, 16), rest)
})

test('Fetch reads aborted transactions, records and a diverging epoch', () => {
  const bytes = hex(
    '00000000',
    '0000',
    '00000009',
    '02',
    ID_HEX,
    '02',
    '00000002',
    '0000',
    '000000000000000a',
    '0000000000000008',
    '0000000000000001',
    '02',
    '0000000000000005',
    '0000000000000003',
    '00',
    'ffffffff',
    '04 aabbcc',
    '01',
    '00',
    '0d',
    '00000004',
    '0000000000000006',
    '00',
    '00',
    '00',
  )
  assert.deepEqual(read(fetchRecords, bytes), {
    error: 0,
    sessionId: 9,
    partitions: [
      {
        topicId: ID,
        partition: 2,
        error: 0,
        highWatermark: 10,
        lastStableOffset: 8,
        logStart: 1,
        aborted: [{ producerId: 5, firstOffset: 3 }],
        records: Uint8Array.of(0xaa, 0xbb, 0xcc),
        diverging: { epoch: 4, endOffset: 6 },
      },
    ],
  })
})

test('Metadata 12 creates no topic and reads ids and leader epochs', () => {
  assert.equal(written(metadata, { topics: null }), '00000000')
  assert.equal(
    written(metadata, { topics: ['a'] }),
    hex('02', '00'.repeat(16), '02 61', '00', '00', '00', '00').toString('hex'),
  )
  const bytes = hex(
    '00000000',
    '02',
    '00000001',
    '02 68',
    '00002384',
    '00',
    '00',
    '02 63',
    '00000001',
    '02',
    '0000',
    '02 61',
    ID_HEX,
    '00',
    '02',
    '0000',
    '00000000',
    '00000001',
    '00000006',
    '02 00000001',
    '02 00000001',
    '01',
    '00',
    '80000000',
    '00',
    '00',
  )
  const answer = read(metadata, bytes)
  assert.deepEqual(answer.brokers, [{ id: 1, host: 'h', port: 9092 }])
  assert.deepEqual(answer.topics, [
    {
      error: 0,
      name: 'a',
      id: ID,
      internal: false,
      partitions: [{ error: 0, partition: 0, leader: 1, leaderEpoch: 6, replicas: [1], inSync: [1] }],
    },
  ])
})
