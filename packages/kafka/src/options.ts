import type { ConnectionOptions as TlsOptions } from 'node:tls'

/** How brokers are reached; plain data, since container threads open connections of their own. */
export interface KafkaOptions {
  /** Addresses to begin with, `host:port`. */
  readonly brokers: readonly string[]
  /** Named in broker logs and quotas (default tidemark). */
  readonly clientId?: string
  readonly tls?: Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'>
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'
    readonly username?: string
    readonly password?: string
    readonly token?: string
  }
  /** Of topics that have to be made (default: what the brokers have for it). */
  readonly replicationFactor?: number
  /** What a batch that is sent is compressed with (default none). */
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /**
   * While another process runs the job: wait as a spare and take over when it ends (default true), or refuse to start
   * (ERR_JOB_RUNNING).
   */
  readonly wait?: boolean
  /**
   * After so long without a sign of life the process that runs the job is taken for dead, ms (default 6000, the least that
   * brokers allow unless `group.min.session.timeout.ms` says otherwise). One that cannot reach the brokers stops itself by then.
   */
  readonly leaseMs?: number
  /** The group in which processes agree on who runs the job (default `<job>.cluster`). All have to name the same. */
  readonly clusterGroup?: string
  /** Where to begin on an input that the job has no position in, or whose position is gone (default earliest). */
  readonly offsetReset?: 'earliest' | 'latest' | 'fail'
}
