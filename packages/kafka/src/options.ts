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
  /** Where to begin on an input that the job has no position in, or whose position is gone (default earliest). */
  readonly offsetReset?: 'earliest' | 'latest' | 'fail'
}
