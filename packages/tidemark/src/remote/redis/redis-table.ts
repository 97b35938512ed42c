import { type Duration, positiveDurationMs } from '../../api/duration.ts'
import type { RemoteOptions } from '../../api/remote-policy.ts'
import { defineTable, type RemoteTableDef } from '../../api/remote-table.ts'
import { TidemarkError } from '../../errors/error.ts'
import { showValue } from '../../serde/hex.ts'
import type { Serde } from '../../serde/serde.ts'
import { RedisDriver } from './redis-driver.ts'

export type { RemoteOptions } from '../../api/remote-policy.ts'
export type { RemoteTable, RemoteTableDef } from '../../api/remote-table.ts'

export interface RedisTableOptions<K, V> extends RemoteOptions {
  /** As in `redis://user:password@host:6379/0`, or `rediss://` for TLS. */
  readonly url: string
  /** Put before each key (default: the table's name and a colon). */
  readonly prefix?: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** How long Redis keeps what is put; for ever without it. */
  readonly ttl?: Duration
}

/** Without a word about it, a table holds out for about 20 s while Redis is down; the task takes no messages meanwhile. */
const RETRY = { attempts: 12, baseMs: 50, maxMs: 5000 } as const

/**
 * Names a table in Redis: a string under `prefix` and the key's bytes, holding the value's bytes. A batch of look-ups is
 * one MGET, a batch of writes a pipeline of SET and DEL. Needs the package @redis/client: ERR_REMOTE_PACKAGE, once a task
 * starts, has the command to install it. Errors: ERR_NAME, ERR_OPTION, ERR_DURATION.
 */
export function redisTable<K, V>(name: string, options: RedisTableOptions<K, V>): RemoteTableDef<K, V> {
  const { prefix = `${name}:`, key, value, ttl, retry } = options
  const url = urlOf(name, options.url)
  const ttlMs = ttl === undefined ? null : positiveDurationMs(ttl, `table ${name}, ttl`)
  const erased = { key: key as unknown as Serde<unknown>, value: value as unknown as Serde<unknown> }
  return defineTable(
    name,
    { ...options, retry: { ...RETRY, ...retry } },
    {
      place: `redis://${url.host}${url.pathname}`,
      writable: true,
      open: ({ random }) => new RedisDriver({ table: name, url: url.href, prefix, ttlMs, random, ...erased }),
    },
  )
}

function urlOf(name: string, given: unknown): URL {
  const url = typeof given === 'string' ? URL.parse(given) : null
  if (url !== null && (url.protocol === 'redis:' || url.protocol === 'rediss:') && url.host !== '') return url
  // What is given may hold a password: it is not shown.
  const what = typeof given === 'string' ? 'no such address' : showValue(given)
  throw new TidemarkError(
    'ERR_OPTION',
    `table ${name}: url is ${what}: pass one like redis://localhost:6379 or rediss://user:password@host:6379/0`,
  )
}
