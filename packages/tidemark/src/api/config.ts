import type { ErrorPolicy } from './app.ts'
import type { EngineName } from './engine-name.ts'

/**
 * What `tidemark.config.ts` may say (its default export). Durations are strings (`'1s'`, `'5m'`) or milliseconds.
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
