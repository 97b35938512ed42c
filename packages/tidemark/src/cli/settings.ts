import type { CheckpointTier, Delivery, ErrorPolicy } from '../api/app.ts'
import { type Duration, durationMs, showDuration } from '../api/duration.ts'
import { DEFAULT_INTERVAL_MS, DEFAULT_RETENTION } from '../checkpoint/retention.ts'
import { ENGINES } from '../engines/registry.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { isEngineName, readStoreEngines, showStoreEngines } from './engine-settings.ts'
import { KAFKA_SETTINGS, type KafkaSettings, KEY_PASSWORD_VARIABLE, PASSWORD_VARIABLE } from './kafka-settings.ts'
import { parseRetention, showRetention } from './retention-text.ts'
import { size, STATE_SETTINGS, type StateSettings } from './state-settings.ts'

/** What all commands take from the configuration file, TIDEMARK_ variables and flags. */
export interface Settings extends StateSettings, KafkaSettings {
  readonly dataDir: string
  /** Null: as many as the runtime thinks best. */
  readonly containers: number | null
  readonly partitions: number
  readonly commitIntervalMs: number
  /** Null: 10 s, or `commitTimeoutMs` if that is less. */
  readonly commitMaxDelayMs: number | null
  readonly commitTimeoutMs: number
  readonly checkpointIntervalMs: number
  readonly checkpointRetain: readonly CheckpointTier[]
  readonly engine: string
  /** By store: wins over what the store says. */
  readonly storeEngines: Readonly<Record<string, string>>
  readonly delivery: Delivery
  readonly onError: ErrorPolicy
  readonly maxRestarts: number
  readonly drainTimeoutMs: number
  readonly idleMs: number
  /** Null: checkpoints are kept in the data directory only. */
  readonly checkpointTo: string | null
  readonly checkpointUploadIntervalMs: number
  readonly checkpointRepair: boolean
  readonly checkpointMaxJournalBytes: number
}

/** One setting: how it is called everywhere, and how its values are read. */
export interface SettingSpec {
  readonly key: keyof Settings
  /** In the configuration file, with dots: `commit.interval`. */
  readonly name: string
  readonly variable: string
  readonly flag: string
  /** Empty for a flag that is there or not. */
  readonly argument: string
  readonly about: string
  readonly fallback: Settings[keyof Settings]
  /** What it takes, for messages: `a whole number of 1 or more`. */
  readonly takes: string
  /** The value, or undefined if it is not of the right kind. */
  read(raw: unknown): Settings[keyof Settings] | undefined
  show(value: Settings[keyof Settings]): string
}

const SPAN = 'a duration such as 500ms, 1s or 5m, or a number of milliseconds'

function count(lowest: number): Pick<SettingSpec, 'takes' | 'read' | 'show'> {
  return {
    takes: `a whole number of ${lowest} or more`,
    read: (raw) => {
      const value = typeof raw === 'string' && /^\d+$/.test(raw) ? Number(raw) : raw
      return typeof value === 'number' && Number.isSafeInteger(value) && value >= lowest ? value : undefined
    },
    show: showSimple,
  }
}

const span: Pick<SettingSpec, 'takes' | 'read' | 'show'> = {
  takes: SPAN,
  read: readDuration,
  show: (value) => (typeof value === 'number' ? showDuration(value) : showSimple(value)),
}

function showSimple(value: Settings[keyof Settings]): string {
  if (value === null) return 'automatic'
  if (typeof value !== 'object') return String(value)
  return isPolicy(value) ? `dead-letter=${value.deadLetter}` : showRetention(value as readonly CheckpointTier[])
}

function isPolicy(value: object): value is { readonly deadLetter: string } {
  return 'deadLetter' in value
}

function readDuration(raw: unknown): number | undefined {
  // Variables and flags are text: bare digits there are milliseconds.
  const given = typeof raw === 'string' && /^\d+$/.test(raw) ? Number(raw) : raw
  try {
    return durationMs(given as Duration, 'duration')
  } catch (error) {
    if (isTidemarkError(error, 'ERR_DURATION')) return undefined
    throw error
  }
}

/** Every setting, in the order in which `tidemark config` prints them. */
export const SETTINGS: readonly SettingSpec[] = [
  {
    key: 'dataDir',
    name: 'dataDir',
    variable: 'TIDEMARK_DATA_DIR',
    flag: '--data-dir',
    argument: '<dir>',
    about: 'where streams, state and checkpoints live',
    fallback: '.tidemark',
    takes: 'a path',
    read: (raw) => (typeof raw === 'string' && raw !== '' ? raw : undefined),
    show: showSimple,
  },
  {
    key: 'containers',
    name: 'containers',
    variable: 'TIDEMARK_CONTAINERS',
    flag: '--containers',
    argument: '<n>',
    about: 'worker threads that run tasks',
    fallback: null,
    ...count(1),
  },
  {
    key: 'partitions',
    name: 'partitions',
    variable: 'TIDEMARK_PARTITIONS',
    flag: '--partitions',
    argument: '<n>',
    about: 'partitions of new streams that declare none',
    fallback: 4,
    ...count(1),
  },
  {
    key: 'commitIntervalMs',
    name: 'commit.interval',
    variable: 'TIDEMARK_COMMIT_INTERVAL',
    flag: '--commit-interval',
    argument: '<duration>',
    about: 'how often a task commits',
    fallback: 1000,
    ...span,
  },
  {
    key: 'commitMaxDelayMs',
    name: 'commit.maxDelay',
    variable: 'TIDEMARK_COMMIT_MAX_DELAY',
    flag: '--commit-max-delay',
    argument: '<duration>',
    about: 'a commit slower than this holds the input back (10s, at most the timeout)',
    fallback: null,
    ...span,
  },
  {
    key: 'commitTimeoutMs',
    name: 'commit.timeout',
    variable: 'TIDEMARK_COMMIT_TIMEOUT',
    flag: '--commit-timeout',
    argument: '<duration>',
    about: 'a commit slower than this fails',
    fallback: 30_000,
    ...span,
  },
  {
    key: 'checkpointIntervalMs',
    name: 'checkpoint.interval',
    variable: 'TIDEMARK_CHECKPOINT_INTERVAL',
    flag: '--checkpoint-interval',
    argument: '<duration>',
    about: 'how often a checkpoint is kept for time travel',
    fallback: DEFAULT_INTERVAL_MS,
    ...span,
  },
  {
    key: 'checkpointRetain',
    name: 'checkpoint.retain',
    variable: 'TIDEMARK_CHECKPOINT_RETAIN',
    flag: '--checkpoint-retain',
    argument: '<tiers>',
    about: 'which of the kept checkpoints stay',
    fallback: DEFAULT_RETENTION,
    takes: "none, or tiers such as '1m for 1h, 1h for 1d'",
    read: (raw) => (typeof raw === 'string' ? parseRetention(raw) : undefined),
    show: showSimple,
  },
  {
    key: 'engine',
    name: 'engine',
    variable: 'TIDEMARK_ENGINE',
    flag: '--engine',
    argument: '<name>',
    about: `what keeps the state of stores that name no engine: ${ENGINES.join(', ')}`,
    fallback: 'lsm',
    takes: 'the name of an engine',
    read: (raw) => (isEngineName(raw) ? raw : undefined),
    show: showSimple,
  },
  {
    key: 'storeEngines',
    name: 'storeEngines',
    variable: 'TIDEMARK_STORE_ENGINES',
    flag: '--store-engines',
    argument: '<store=name,...>',
    about: 'engines of single stores',
    fallback: {},
    takes: 'store=engine, more of them after commas (in the configuration file: an object)',
    read: readStoreEngines,
    show: (value) => showStoreEngines(value as Readonly<Record<string, string>>),
  },
  {
    key: 'delivery',
    name: 'delivery',
    variable: 'TIDEMARK_DELIVERY',
    flag: '--delivery',
    argument: '<guarantee>',
    about: 'how often a reader may see an output on Kafka: exactly-once, or at-least-once and sooner',
    fallback: 'exactly-once',
    takes: 'exactly-once or at-least-once',
    read: (raw) => (raw === 'exactly-once' || raw === 'at-least-once' ? raw : undefined),
    show: showSimple,
  },
  {
    key: 'onError',
    name: 'onError',
    variable: 'TIDEMARK_ON_ERROR',
    flag: '--on-error',
    argument: '<policy>',
    about: 'for a record that cannot be processed: fail, drop, or dead-letter=STREAM',
    fallback: 'fail',
    takes: 'fail, drop, or dead-letter=STREAM',
    read: readPolicy,
    show: showSimple,
  },
  {
    key: 'maxRestarts',
    name: 'maxRestarts',
    variable: 'TIDEMARK_MAX_RESTARTS',
    flag: '--max-restarts',
    argument: '<n>',
    about: 'crashes of a container in a row before the run gives up',
    fallback: 5,
    ...count(0),
  },
  {
    key: 'drainTimeoutMs',
    name: 'drainTimeout',
    variable: 'TIDEMARK_DRAIN_TIMEOUT',
    flag: '--drain-timeout',
    argument: '<duration>',
    about: 'how long a drain (Ctrl-C, SIGTERM) may take',
    fallback: 30_000,
    ...span,
  },
  {
    key: 'idleMs',
    name: 'idleAfter',
    variable: 'TIDEMARK_IDLE_AFTER',
    flag: '--idle-after',
    argument: '<duration>',
    about: 'how long a partition without records holds windows open',
    fallback: 5000,
    ...span,
  },
  {
    key: 'checkpointTo',
    name: 'checkpoint.to',
    variable: 'TIDEMARK_CHECKPOINT_TO',
    flag: '--checkpoint-to',
    argument: '<url>',
    about: 'keep checkpoints there too: file:///directory or s3://bucket/prefix',
    fallback: null,
    takes: 'file:///directory or s3://bucket/prefix',
    read: (raw) => (typeof raw === 'string' && /^(file|s3):\/\//.test(raw) ? raw : undefined),
    show: (value) => (value === null ? 'data directory only' : showSimple(value)),
  },
  {
    key: 'checkpointUploadIntervalMs',
    name: 'checkpoint.uploadInterval',
    variable: 'TIDEMARK_CHECKPOINT_UPLOAD_INTERVAL',
    flag: '--checkpoint-upload-interval',
    argument: '<duration>',
    about: 'how often changes are uploaded there',
    fallback: 10_000,
    ...span,
  },
  {
    key: 'checkpointRepair',
    name: 'checkpoint.repair',
    variable: 'TIDEMARK_CHECKPOINT_REPAIR',
    flag: '--checkpoint-repair',
    argument: '<yes|no>',
    about: 'restore damaged state from there',
    fallback: false,
    takes: 'yes or no',
    read: (raw) => (raw === true || raw === 'yes' ? true : raw === false || raw === 'no' ? false : undefined),
    show: (value) => (value === true ? 'yes' : 'no'),
  },
  {
    key: 'checkpointMaxJournalBytes',
    name: 'checkpoint.maxJournal',
    variable: 'TIDEMARK_CHECKPOINT_MAX_JOURNAL',
    flag: '--checkpoint-max-journal',
    argument: '<size>',
    about: 'up to this size the journal keeps the changes since the last upload, while none succeeds',
    fallback: 1024 ** 3,
    ...size(0, 1024 ** 5),
  },
  ...STATE_SETTINGS,
  ...KAFKA_SETTINGS,
]

/** Variables that are ours but no setting. */
export const OTHER_VARIABLES: readonly string[] = [
  'TIDEMARK_DEBUG',
  'TIDEMARK_CONFIG',
  PASSWORD_VARIABLE,
  KEY_PASSWORD_VARIABLE,
]

function readPolicy(raw: unknown): ErrorPolicy | undefined {
  if (raw === 'fail' || raw === 'drop') return raw
  if (typeof raw === 'string' && raw.startsWith('dead-letter=') && raw.length > 12) return { deadLetter: raw.slice(12) }
  if (typeof raw !== 'object' || raw === null || !('deadLetter' in raw)) return undefined
  return typeof raw.deadLetter === 'string' && raw.deadLetter !== '' ? { deadLetter: raw.deadLetter } : undefined
}

/** Reads one value, or throws ERR_CONFIG_VALUE that says where it came from and what it takes. */
export function readSetting(spec: SettingSpec, raw: unknown, source: string): Settings[keyof Settings] {
  const value = spec.read(raw)
  if (value !== undefined) return value
  const shown = typeof raw === 'string' ? `"${raw}"` : JSON.stringify(raw)
  throw new TidemarkError('ERR_CONFIG_VALUE', `${source}: ${spec.name} takes ${spec.takes}, not ${shown}.`, {
    details: { setting: spec.name, source },
  })
}
