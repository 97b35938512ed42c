import type { RunOptions } from '../api/app.ts'
import { DEFAULT_INTERVAL_MS, DEFAULT_RETENTION } from '../checkpoint/retention.ts'
import type { Settings } from './settings.ts'

/** What the settings say about a run. */
export function runOptions(settings: Settings): RunOptions {
  return {
    dataDir: settings.dataDir,
    partitions: settings.partitions,
    commit: {
      intervalMs: settings.commitIntervalMs,
      ...(settings.commitMaxDelayMs === null ? {} : { maxDelayMs: settings.commitMaxDelayMs }),
      timeoutMs: settings.commitTimeoutMs,
    },
    checkpoint: {
      // What nobody has set is left out: some engines keep checkpoints only for who asks.
      ...(settings.checkpointIntervalMs === DEFAULT_INTERVAL_MS ? {} : { intervalMs: settings.checkpointIntervalMs }),
      ...(settings.checkpointRetain === DEFAULT_RETENTION ? {} : { retain: settings.checkpointRetain }),
      ...(settings.checkpointTo === null ? {} : { to: settings.checkpointTo }),
      uploadIntervalMs: settings.checkpointUploadIntervalMs,
      repair: settings.checkpointRepair,
      maxJournalBytes: settings.checkpointMaxJournalBytes,
    },
    engine: settings.engine,
    storeEngines: settings.storeEngines,
    compression: settings.stateCompression,
    ...(settings.stateBlockBytes === null ? {} : { blockBytes: settings.stateBlockBytes }),
    cacheBytes: settings.stateCacheBytes,
    recentMaxBytes: settings.stateFlushBytes,
    maxValueBytes: settings.stateMaxValueBytes,
    compactionBytesPerSecond: settings.stateMergeBytesPerSecond,
    delivery: settings.delivery,
    onError: settings.onError,
    maxRestarts: settings.maxRestarts,
    drainTimeoutMs: settings.drainTimeoutMs,
    idleMs: settings.idleMs,
    ...(settings.containers === null ? {} : { containers: settings.containers }),
  }
}
