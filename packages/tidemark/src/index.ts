export type {
  App,
  CheckpointInfo,
  CheckpointOptions,
  CheckpointTier,
  CommitOptions,
  ErrorPolicy,
  InputSpec,
  OutputSpec,
  Progress,
  ReadMessage,
  RunOptions,
  SavepointInfo,
  SavepointOptions,
  RestoreStatus,
  UploadRound,
  UploadStatus,
} from './api/app.ts'
export type { CollectionReader, StoreEntry, StoreMoment, StoreReader, Summary } from './api/app.ts'
export type { EngineName } from './api/engine-name.ts'
export type { StateCompression } from './api/state-compression.ts'
export type { MemoryUse, StateMetrics, StateSummary, TaskStateMetrics } from './api/state-metrics.ts'
export { defineConfig } from './api/config.ts'
export type { TidemarkConfig } from './api/config.ts'
export type {
  Context,
  Log,
  Metrics,
  PartOf,
  RemoteTableOf,
  Send,
  SendOptions,
  StoreOf,
  TaskContext,
  TaskIo,
} from './api/context.ts'
export type { TimerHandle } from './api/context.ts'
export type { Duration, DurationText } from './api/duration.ts'
export type {
  Aggregate,
  AggregateSpec,
  Flow,
  Group,
  GroupByOptions,
  JobBuilder,
  Pipeline,
  PipelineFunction,
  Steps,
  Sync,
  WindowedGroup,
} from './api/flow.ts'
export type { Handled, InputHandlers, RefuseReserved, ReservedName, Task, TaskHooks, TaskJob } from './api/handlers.ts'
export type { TaskSpec, TimerHandlers } from './api/handlers.ts'
export { isJob } from './api/job.ts'
export type { Job } from './api/job.ts'
export type { Headers, KeyOf, Message, MessageInfo, MessageOf, Row, ValueOf, Window } from './api/message.ts'
export type { ReportFunction, ReportReader } from './api/report.ts'
export type {
  CounterStore,
  ListEntry,
  ListStore,
  SessionStore,
  SetEntry,
  SetStore,
  VersionedStore,
  VersionEntry,
} from './api/more-stores.ts'
export { counter, kv, list, session, set, versioned, windows } from './api/store-def.ts'
export type {
  CollectionOptions,
  CounterDef,
  CounterOptions,
  ListDef,
  SessionDef,
  SessionOptions,
} from './api/store-def.ts'
export type { SetDef, StoreOptions, TtlOptions, VersionedDef, VersionedOptions } from './api/store-def.ts'
export type { KvDef, KvOptions, KvSink, StoreDef, WindowsDef, WindowsOptions, WindowsSink } from './api/store-def.ts'
export type { Entries, KeyValueEntry, KeyValueStore, RangeOptions, WindowEntry, WindowStore } from './api/stores.ts'
export { remoteTable } from './api/remote-table.ts'
export type { CallOptions, RemoteEntry, RemoteTable, RemoteTableDef, RemoteTableOptions } from './api/remote-table.ts'
export type { AnyRemoteTable } from './api/remote-table.ts'
export type { TableFigures } from './api/table-figures.ts'
export type { RemoteOptions } from './api/remote-policy.ts'
export { stream } from './api/stream.ts'
export type { AnyStream, Sink, StreamDef, StreamOptions } from './api/stream.ts'
export { timer } from './api/timer.ts'
export type { AnyTimer, TimerDef } from './api/timer.ts'
export { tumbling } from './api/window.ts'
export type { WindowDef } from './api/window.ts'
export { defineJob } from './dsl/define-job.ts'
export type { Topology, TopologyNode } from './dsl/topology.ts'
export { engineNames, registerEngine } from './engines/registry.ts'
export type { EngineDefinition, OpenBaseOptions } from './engines/registry.ts'
export type { Base, BaseIterator, BaseTime, ByteRange, KeyBatch, SortedCursor, SortedStore } from './store/types.ts'
export type { BaseStatistics } from './store/base-statistics.ts'
export type { Steps as BaseSteps, StoreDescriptor } from './store/types.ts'
export { isTidemarkError, TidemarkError } from './errors/error.ts'
export type { ErrorDetails } from './errors/error.ts'
export type { ErrorCode } from './errors/table.ts'
export { serdeByName } from './serde/by-name.ts'
export { avro } from './serde/avro.ts'
export type { AvroOptions, AvroSchema } from './serde/avro.ts'
export { bytes } from './serde/bytes.ts'
export type { ByteWriter } from './serde/byte-writer.ts'
export type { PartitionFunction, Partitioner } from './hash/partitioners.ts'
export type { DeepReadonly } from './serde/deep-readonly.ts'
export { json } from './serde/json.ts'
export type { Jsonable, JsonCheck } from './serde/json-type.ts'
export { msgpack } from './serde/msgpack.ts'
export { boolean, float64, int32, int64 } from './serde/numbers.ts'
export type { Discipline, Serde } from './serde/serde.ts'
export type { EncodeOptions, InputOf, OutputOf, SchemaOptions, StandardSchema } from './serde/standard-schema.ts'
export { string } from './serde/string.ts'
export { tuple } from './serde/tuple.ts'
export { uint } from './serde/uint.ts'
export { upgraded, withVersion } from './serde/upgraded.ts'
export { withSchema } from './serde/with-schema.ts'
export { openStore } from './open-store/open-store.ts'
export type { OpenedStore, OpenStoreOptions } from './open-store/open-store.ts'
export type {
  Checkpoint,
  CheckpointDraft,
  CheckpointFile,
  CheckpointManager,
  Claim,
  Expected,
  FileSource,
  RestoreOptions,
  RestoreProgress,
  RestoreTarget,
} from './checkpoint/manager.ts'
export type { RetentionPolicy, RetentionTier } from './checkpoint/retention.ts'
export { restoredCheckpoint } from './checkpoint/restore-files.ts'
export type { Disk, DiskFile, HostDisk } from './disk/disk.ts'
export { nodeDisk } from './disk/node-disk.ts'
export { openCheckpoints } from './runtime/open-checkpoints.ts'
export { rescaleSavepoint } from './ops/rescale-savepoint.ts'
export type { RescaledSavepoint, RescaleOptions } from './ops/rescale.ts'
export type { RescaleProgress } from './checkpoint/rescale-savepoint.ts'
export { run } from './runtime/run.ts'
