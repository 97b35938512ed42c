import { bench, do_not_optimize, group } from 'mitata'
import { BatchEncoder } from '../packages/tidemark/src/log/batch-encoder.ts'
import type { WriteCodec } from '../packages/tidemark/src/log/codec.ts'
import { crc32c } from '../packages/tidemark/src/log/crc/crc32c.ts'
import { crc32cTable } from '../packages/tidemark/src/log/crc/crc32c-table.ts'
import { RecordCursor } from '../packages/tidemark/src/log/record-cursor.ts'

/** Records per batch: divide a time by this for the time per record. A record takes about 110 bytes. */
const RECORDS = 1000
const VALUE_BYTES = 88
const START_MS = 1_700_000_000_000

const utf8 = new TextEncoder()
const keys = Array.from({ length: RECORDS }, (_, i) => utf8.encode(`user-${(i * 7919) % 100_000}`))
const values = Uint8Array.from({ length: RECORDS * VALUE_BYTES }, (_, i) => 97 + (Math.imul(i, 2_654_435_761) >>> 28))

function appendAll(encoder: BatchEncoder): void {
  encoder.reset()
  for (let i = 0; i < RECORDS; i++) {
    const key = keys[i] as Uint8Array
    const at = i * VALUE_BYTES
    encoder.append(START_MS + i, key, 0, key.length, values, at, at + VALUE_BYTES, null)
  }
}

function writeAll(encoder: BatchEncoder): void {
  encoder.reset()
  for (let i = 0; i < RECORDS; i++) {
    const key = keys[i] as Uint8Array
    const at = i * VALUE_BYTES
    encoder.begin(START_MS + i, key, 0, key.length).raw(values, at, at + VALUE_BYTES)
    encoder.end(null)
  }
}

/** A sum over all fields, so that none is optimised away. */
function walk(cursor: RecordCursor, batch: Uint8Array): number {
  let sum = 0
  cursor.reset(batch)
  while (cursor.nextBatch()) {
    while (cursor.next()) sum += cursor.offset + cursor.timestamp + cursor.keyEnd + cursor.valueEnd - cursor.valueStart
  }
  return sum
}

function crcBench(): void {
  group('CRC-32C: crc32c against its tables alone', () => {
    for (const sizeBytes of [100, 4096, 65_536, 1_048_576]) {
      const bytes = Uint8Array.from({ length: sizeBytes + 1 }, (_, i) => (i * 31) & 255)
      bench(`crc32c ${sizeBytes} B`, () => do_not_optimize(crc32c(bytes, 1, sizeBytes + 1)))
      bench(`tables ${sizeBytes} B`, () => do_not_optimize(crc32cTable(bytes, 1, sizeBytes + 1, 0)))
    }
  })
}

/** Registers the benchmarks of the record batch codec: cursor, encoder, CRC. */
export function codecBench(): void {
  const encoder = new BatchEncoder(256 * 1024)
  group(`encoder: a batch of ${RECORDS} records of 110 B`, () => {
    bench('append', () => appendAll(encoder))
    bench('begin, write, end', () => writeAll(encoder))
    bench('append and finish', () => {
      appendAll(encoder)
      do_not_optimize(encoder.finish())
    })
  })
  group(`cursor: a batch of ${RECORDS} records of 110 B`, () => {
    for (const codec of ['none', 'gzip', 'zstd'] as const satisfies readonly WriteCodec[]) {
      appendAll(encoder)
      const batch = encoder.finish({ codec })
      const verifying = new RecordCursor()
      bench(codec, () => do_not_optimize(walk(verifying, batch)))
      if (codec !== 'none') continue
      const trusting = new RecordCursor({ verify: false })
      bench(`${codec}, CRC not checked`, () => do_not_optimize(walk(trusting, batch)))
    }
  })
  crcBench()
}
