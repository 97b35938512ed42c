/*
 * What a system (where streams live) is built from: the record batch codec and the contracts between runtime and log.
 * For packages such as @tidemark/kafka; no promise of stability yet.
 */
export type { Clock } from './clock/clock.ts'
export { systemClock } from './clock/clock.ts'
export { randomFrom, uniqueId } from './clock/unique-id.ts'
export type { Disk } from './disk/disk.ts'
export { nodeDisk } from './disk/node-disk.ts'
export { fromWireError, invariant, isTidemarkError, TidemarkError, toWireError } from './errors/error.ts'
export type { ErrorDetails, WireError } from './errors/error.ts'
export type { ErrorCode } from './errors/table.ts'
export { murmur2 } from './hash/murmur2.ts'
export { seededRandom } from './hash/seeded-random.ts'
export { BatchEncoder } from './log/batch-encoder.ts'
export type { FinishOptions, RecordHeaders } from './log/batch-encoder.ts'
export * as batchHeader from './log/batch-header.ts'
export { CODECS, compress, decompress, MAX_UNPACKED_BYTES, plainBytes } from './log/codec.ts'
export type { Codec, WriteCodec } from './log/codec.ts'
export { encodeMarker, readMarker } from './log/control.ts'
export { ReadCommittedFilter, TransactionScan } from './log/read-committed.ts'
export type { AbortedTransaction } from './log/read-committed.ts'
export { RecordCursor } from './log/record-cursor.ts'
export type {
  Append,
  CommitResult,
  LogPort,
  OffsetsView,
  ProducerState,
  ReadBatches,
  StoredDelta,
  StreamInfo,
  StreamReader,
  StreamSpec,
  Transaction,
} from './log/types.ts'
