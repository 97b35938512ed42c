import type { StateCompression } from '../api/state-compression.ts'
import type { Delivery, RunOptions } from '../api/app.ts'
import type { CommitTiming } from '../checkpoint/protocol.ts'
import type { RetentionSettings } from '../checkpoint/retainer.ts'
import { DEFAULT_INTERVAL_MS, DEFAULT_RETENTION } from '../checkpoint/retention.ts'
import { assertEngine, type Engine } from '../engines/registry.ts'
import { TidemarkError } from '../errors/error.ts'
import type { ContainerSettings } from './thread-messages.ts'
import type { UploadSettings } from './uploads.ts'

const MIB = 1024 * 1024
/** Above it a commit with a few values would be more than the journal takes in one transaction. */
export const MOST_VALUE_BYTES: number = 256 * MIB

/** Options of a run with every default filled in. */
export interface RunSettings {
  readonly directory: string
  readonly containers: number
  readonly partitions: number
  readonly untilEnd: boolean
  readonly delivery: Delivery
  readonly maxRestarts: number
  readonly drainTimeoutMs: number
  /** Bytes that merges of state files may write per second; 0: no limit. */
  readonly compactionBytesPerSecond: number
  /** Null: checkpoints are kept in the data directory only. */
  readonly uploads: UploadSettings | null
  readonly container: Omit<ContainerSettings, 'tasks'>
}

/** Fills in defaults and checks ranges: ERR_OPTION names the option and what it may be. */
export function runSettings(options: RunOptions, defaults: { readonly containers: number }): RunSettings {
  const timing = commitTiming(options)
  return {
    directory: options.dataDir ?? './.tidemark',
    containers: whole('containers', options.containers ?? defaults.containers, 0, 256),
    partitions: whole('partitions', options.partitions ?? 4, 1, 4096),
    untilEnd: options.untilEnd ?? false,
    delivery: deliveryOf(options),
    maxRestarts: whole('maxRestarts', options.maxRestarts ?? 5, 0, 1_000_000),
    drainTimeoutMs: whole('drainTimeoutMs', options.drainTimeoutMs ?? 30_000, 1, 86_400_000),
    compactionBytesPerSecond: whole('compactionBytesPerSecond', options.compactionBytesPerSecond ?? 128 * MIB, 0, 1e12),
    uploads: uploadSettings(options),
    container: {
      partitions: options.partitions ?? 4,
      engine: engineOf('engine', options.engine ?? 'lsm'),
      storeEngines: storeEngines(options),
      compression: compressionOf(options),
      timing,
      onError: options.onError ?? 'fail',
      recentMaxBytes: whole('recentMaxBytes', options.recentMaxBytes ?? 16 * MIB, 1, 1024 * MIB),
      maxValueBytes: whole('maxValueBytes', options.maxValueBytes ?? 16 * MIB, 1, MOST_VALUE_BYTES),
      outputMaxBytes: 16 * MIB,
      memtableMaxBytes: 64 * MIB,
      cacheBytes: whole('cacheBytes', options.cacheBytes ?? 128 * MIB, MIB, 1024 * 1024 * MIB),
      ...blockBytesOf(options),
      idleMs: whole('idleMs', options.idleMs ?? 5000, 1, 86_400_000),
      handlerTimeoutMs: Math.max(1, Math.floor(timing.timeoutMs * 0.9)),
      development: options.development ?? false,
      statusIntervalMs: 100,
      seed: 1,
      retention: retentionSettings(options),
      shadow: wantsShadow(options),
      holdJournal: options.checkpoint?.to !== undefined,
      lineage: 1,
    },
  }
}

function deliveryOf({ delivery = 'exactly-once' }: RunOptions): Delivery {
  if (delivery === 'exactly-once' || delivery === 'at-least-once') return delivery
  throw new TidemarkError('ERR_OPTION', `delivery is ${String(delivery)}: it must be exactly-once or at-least-once`)
}

function commitTiming(options: RunOptions): CommitTiming {
  const commit = options.commit ?? {}
  const intervalMs = whole('commit.intervalMs', commit.intervalMs ?? 1000, 1, 3_600_000)
  const timeoutMs = whole('commit.timeoutMs', commit.timeoutMs ?? 30_000, 1, 3_600_000)
  const maxDelayMs = whole('commit.maxDelayMs', commit.maxDelayMs ?? Math.min(10_000, timeoutMs), 1, 3_600_000)
  if (maxDelayMs > timeoutMs) {
    throw new TidemarkError(
      'ERR_OPTION',
      `commit.maxDelayMs (${maxDelayMs}) is above commit.timeoutMs (${timeoutMs}): a commit would fail before it holds the input back`,
    )
  }
  return { intervalMs, maxDelayMs, timeoutMs }
}

function retentionSettings({ checkpoint = {} }: RunOptions): RetentionSettings {
  const policy = checkpoint.retain ?? DEFAULT_RETENTION
  for (const { periodMs, forMs } of policy) {
    whole('checkpoint.retain: periodMs', periodMs, 1, Number.MAX_SAFE_INTEGER)
    whole('checkpoint.retain: forMs', forMs, 1, Number.MAX_SAFE_INTEGER)
  }
  return {
    intervalMs: whole('checkpoint.intervalMs', checkpoint.intervalMs ?? DEFAULT_INTERVAL_MS, 1, 2 ** 40),
    policy,
  }
}

/** Of engines that keep the newest state only the default policy keeps nothing: it would double what they write. */
function wantsShadow({ checkpoint = {} }: RunOptions): boolean {
  if (checkpoint.to !== undefined) return true
  const isAsked = checkpoint.retain !== undefined || checkpoint.intervalMs !== undefined
  return isAsked && (checkpoint.retain ?? DEFAULT_RETENTION).length > 0
}

function uploadSettings({ checkpoint = {} }: RunOptions): UploadSettings | null {
  if (checkpoint.to === undefined) return null
  return {
    to: checkpoint.to,
    intervalMs: whole('checkpoint.uploadIntervalMs', checkpoint.uploadIntervalMs ?? 10_000, 1, 2 ** 31 - 1),
    repair: checkpoint.repair ?? false,
    maxJournalBytes: whole('checkpoint.maxJournalBytes', checkpoint.maxJournalBytes ?? 1024 * MIB, 0, 2 ** 50),
  }
}

function engineOf(option: string, engine: Engine): Engine {
  assertEngine(engine, option)
  return engine
}

function storeEngines(options: RunOptions): Readonly<Record<string, Engine>> {
  const engines = Object.entries(options.storeEngines ?? {})
  return Object.fromEntries(engines.map(([store, engine]) => [store, engineOf(`storeEngines, store ${store}`, engine)]))
}

function compressionOf({ compression = 'none' }: RunOptions): StateCompression {
  const all =
    typeof compression === 'string' ? [compression] : [...Object.values(compression.stores), compression.other]
  for (const each of all) {
    if (each === 'none' || each === 'zstd') continue
    throw new TidemarkError('ERR_OPTION', `compression is ${String(each)}: it must be none or zstd`)
  }
  return compression
}

function blockBytesOf({ blockBytes }: RunOptions): { readonly blockBytes?: number } {
  return blockBytes === undefined ? {} : { blockBytes: whole('blockBytes', blockBytes, 1024, 256 * 1024) }
}

/** The value, if it is a whole number in this range: ERR_OPTION. */
export function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new TidemarkError(
    'ERR_OPTION',
    `${name} is ${String(value)}: it must be a whole number from ${least} to ${most}`,
  )
}
