import type { ErrorPolicy } from './app.ts'
import type { EngineName } from './engine-name.ts'
import type { StateCompression } from './state-compression.ts'

/**
 * What `tidemark.config.ts` may say (its default export). Durations are strings (`'1s'`, `'5m'`) or milliseconds,
 * sizes strings (`'16MiB'`) or bytes.
 * Variables `TIDEMARK_*` win over it, and flags over both.
 */
export interface TidemarkConfig {
  /** Where streams, state and checkpoints live; relative to the configuration file. Default `./.tidemark`. */
  readonly dataDir?: string
  /** Worker threads that run tasks. */
  readonly containers?: number
  /** Partitions of streams that declare none. Default 4. */
  readonly partitions?: number
  readonly commit?: {
    /** How often a task commits. Default 1s. */
    readonly interval?: string | number
    /** A commit that takes longer than this holds the input back. Default 10s. */
    readonly maxDelay?: string | number
    /** A commit that takes longer than this fails with ERR_COMMIT_TIMEOUT. Default 30s. */
    readonly timeout?: string | number
  }
  readonly checkpoint?: {
    /** How often a checkpoint is kept for time travel. Default 1m. */
    readonly interval?: string | number
    /** Which of them stay, beside the newest and those that were asked for: `none`, or tiers. Default `1m for 1h, 1h for 1d`. */
    readonly retain?: string
    /** Keeps a checkpoint of each task there too: `file:///directory` or `s3://bucket/prefix`. */
    readonly to?: string
    /** How often what has changed is uploaded there. Default 10s. */
    readonly uploadInterval?: string | number
    /** Restores damaged state from there, rather than stop with an error. Default false. */
    readonly repair?: boolean
    /** Up to this size the journal keeps the changes since the last upload, while none succeeds. Default 1GiB. */
    readonly maxJournal?: string | number
  }
  /** The files of the state, as the engines `lsm` and `memory` have them. Sizes are `'16MiB'` or bytes. */
  readonly state?: {
    /** How new files are stored. Default `none`; `zstd` takes less room and more time. Text as the flag takes it, too. */
    readonly compression?: StateCompression | (string & {})
    /** Of the blocks of new files, before compression. Default 4KiB, with zstd 16KiB. */
    readonly blockSize?: string | number
    /** Of each container's caches (of other engines' caches too). Default 128MiB. */
    readonly cacheSize?: string | number
    /** Committed changes that a task holds in memory before it writes a file. Default 16MiB. */
    readonly flushSize?: string | number
    /** The largest value of a store, up to 256MiB, on every engine. Default 16MiB. */
    readonly maxValueSize?: string | number
    /** What merges may write per second, all tasks together; `none`: no limit. Default 128MiB. */
    readonly mergeRate?: string | number
  }
  /** Apache Kafka instead of the embedded system. Passwords are no part of it: TIDEMARK_KAFKA_PASSWORD, or a file. */
  readonly kafka?: {
    /** `host:port` of some brokers. */
    readonly brokers?: string | readonly string[]
    /** Speak TLS. Default false, or true where a file of it is named. */
    readonly tls?: boolean
    /** Files in PEM form, relative to the configuration file: who is trusted, and this client's certificate and key. */
    readonly tlsCa?: string
    readonly tlsCert?: string
    readonly tlsKey?: string
    readonly sasl?: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username?: string
    readonly passwordFile?: string
  }
  /** What keeps the state of stores that name no engine. Default `lsm`. */
  readonly engine?: EngineName
  /** Engines of single stores, by store; win over what the store says. */
  readonly storeEngines?: Readonly<Record<string, EngineName>>
  /** What to do with a record that cannot be read, or whose handler throws. Default `fail`. */
  readonly onError?: ErrorPolicy
  /** Crashes of one container in a row before the run gives up. Default 5. */
  readonly maxRestarts?: number
  /** How long a drain may take. Default 30s. */
  readonly drainTimeout?: string | number
}

/** Gives a configuration its type; returns it unchanged. */
export function defineConfig(config: TidemarkConfig): TidemarkConfig {
  return config
}
