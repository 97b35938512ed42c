/*
 * What a system (where streams live) is built from: the record batch codec and the contracts between runtime and log.
 * For packages such as @tidemark/kafka; no promise of stability yet.
 */
export type { Clock } from './clock/clock.ts'
export { systemClock } from './clock/clock.ts'
export { randomFrom, uniqueId } from './clock/unique-id.ts'
export { readFile, replaceFile } from './disk/disk.ts'
export type { Disk } from './disk/disk.ts'
export { nodeProcesses } from './disk/process-table.ts'
export { nodeDisk } from './disk/node-disk.ts'
export { fromWireError, invariant, isTidemarkError, TidemarkError, toWireError } from './errors/error.ts'
export type { ErrorDetails, WireError } from './errors/error.ts'
export type { ErrorCode } from './errors/table.ts'
export { COVERED_DIRECTORY, coveredName } from './checkpoint/covered-state.ts'
export type { CoveredCommit, CoveredState } from './checkpoint/covered-state.ts'
export { decodeCheckpoint } from './checkpoint/record.ts'
export type { CheckpointRecord } from './checkpoint/record.ts'
export { lineageStream, parseTaskProducer, readLineage, taskProducer, writeLineage } from './checkpoint/lineage.ts'
export type { Lineage, LineageFile, LineageKeeper, Lineages } from './checkpoint/lineage.ts'
export type { System, SystemContext } from './api/system.ts'
export { ok, problem, warning } from './api/finding.ts'
export type { Finding, JobNeeds, NeededStream } from './api/finding.ts'
export type {
  ExamineOptions,
  ListedLineage,
  ListedPartition,
  ListedStream,
  PartitionBatch,
  PartitionBatches,
  ResetItem,
  ResetOptions,
  ResetPlan,
  StreamAppender,
  StreamPosition,
  StreamRange,
  StreamTools,
  SystemTools,
} from './api/system-tools.ts'
export { murmur2 } from './hash/murmur2.ts'
export { seededRandom } from './hash/seeded-random.ts'
export { BatchEncoder } from './log/batch-encoder.ts'
export { crc32c } from './log/crc/crc32c.ts'
export { DirectoryLock } from './log/embedded/lock.ts'
export { SharedOffsets } from './log/embedded/shared-offsets.ts'
export type { FinishOptions, RecordHeaders } from './log/batch-encoder.ts'
export * as batchHeader from './log/batch-header.ts'
export { CODECS, compress, decompress, MAX_UNPACKED_BYTES, plainBytes, registerCodec } from './log/codec.ts'
export type { Codec, CodecFunctions, ForeignCodec, WriteCodec } from './log/codec.ts'
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
  StreamLimits,
  StreamReader,
  PortInit,
  StreamSpec,
  SystemHost,
  Transaction,
} from './log/types.ts'
export { stateDirectory } from './runtime/state-directory.ts'
export { loadAvro } from './serde/avro.ts'
export type { AvroLibrary, AvroSchema, AvroType } from './serde/avro.ts'
export { loadPackage } from './errors/optional-package.ts'
export type { ResolvePackage } from './errors/optional-package.ts'
export { hexOf, showValue } from './serde/hex.ts'
export { json } from './serde/json.ts'
export type { Serde, SerdePreparation } from './serde/serde.ts'
export { ByteReader } from './serde/byte-reader.ts'
export { ByteWriter } from './serde/byte-writer.ts'
export { DELTA_VERSION } from './store/delta.ts'
export { DeltaWriter } from './store/delta-writer.ts'
export { DeltaReader } from './store/delta-reader.ts'
export type { DeltaVisitor } from './store/delta-reader.ts'
export { dataShape, readDescriptor, writeDescriptor } from './store/descriptor.ts'
export { Generations } from './store/generations.ts'
export type { StateLoader, StateSource } from './store/state-source.ts'
export type { StoreDescriptor } from './store/types.ts'
