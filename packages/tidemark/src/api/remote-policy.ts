import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'
import { type Duration, durationMs, positiveDurationMs } from './duration.ts'

/** What surrounds the calls of a remote table. Limits of number and size hold for each task, the rate for the job. */
export interface RemoteOptions {
  readonly batch?: {
    /** Keys of one call at most (default 100). */
    readonly maxKeys?: number
    /** How long a look-up waits for others to come along, ms (default 0: for those of the same turn of the loop). */
    readonly maxDelayMs?: number
  }
  /** How fast the job may go, all tasks together: each has its share. Default: no limit. */
  readonly rate?: {
    readonly perSecond: number
    /** So many at once after a pause (default: those of a second). */
    readonly burst?: number
    /** What is counted (default `key`). */
    readonly unit?: 'key' | 'call'
  }
  readonly retry?: {
    /** Calls in all, the first included (default 5). */
    readonly attempts?: number
    /** Wait before the second attempt, ms (default 100); it doubles with each. */
    readonly baseMs?: number
    /** The longest wait, ms (default 10000). */
    readonly maxMs?: number
    /** The part of a wait that is left to chance, from 0 to 1 (default 0.5). */
    readonly jitter?: number
    /** False for errors that another attempt cannot mend (default: all are tried again). */
    readonly when?: (error: unknown) => boolean
  }
  /** Keeps what was read. Default: nothing is kept. */
  readonly cache?: {
    /** Default 10000; the longest unused goes first. */
    readonly maxEntries?: number
    /** Of keys and values as bytes. Default: no limit but maxEntries. */
    readonly maxBytes?: number
    /** How long a value is believed (default 1m). */
    readonly ttl?: Duration
    /** How long it is believed that there is no value (default 0: never). */
    readonly negativeTtl?: Duration
  }
  /** Calls at the same time (default 4). */
  readonly concurrency?: number
  /** Of one attempt (default 5000). */
  readonly timeoutMs?: number
}

/** RemoteOptions with nothing left open. */
export interface RemotePolicy {
  readonly maxKeys: number
  readonly maxDelayMs: number
  readonly rate: { readonly perSecond: number; readonly burst: number; readonly unit: 'key' | 'call' } | null
  readonly retry: RetryPolicy
  readonly cache: {
    readonly maxEntries: number
    readonly maxBytes: number
    readonly ttlMs: number
    readonly negativeTtlMs: number
  } | null
  readonly concurrency: number
  readonly timeoutMs: number
}

export interface RetryPolicy {
  readonly attempts: number
  readonly baseMs: number
  readonly maxMs: number
  readonly jitter: number
  readonly when: (error: unknown) => boolean
}

const HOUR_MS = 3_600_000

/** Fills in the defaults. Errors: ERR_OPTION, ERR_DURATION. */
export function remotePolicy(what: string, options: RemoteOptions): RemotePolicy {
  const { batch = {}, concurrency = 4, timeoutMs = 5000 } = options
  const number = (name: string, value: number, least: number, most: number, whole = true): number => {
    if ((whole ? Number.isInteger(value) : Number.isFinite(value)) && value >= least && value <= most) return value
    throw new TidemarkError(
      'ERR_OPTION',
      `${what}: ${name} is ${showValue(value)}, but must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}`,
    )
  }
  return Object.freeze({
    maxKeys: number('batch.maxKeys', batch.maxKeys ?? 100, 1, 100_000),
    maxDelayMs: number('batch.maxDelayMs', batch.maxDelayMs ?? 0, 0, HOUR_MS),
    rate: rateOf(what, options, number),
    retry: retryOf(what, options, number),
    cache: cacheOf(what, options, number),
    concurrency: number('concurrency', concurrency, 1, 10_000),
    timeoutMs: number('timeoutMs', timeoutMs, 1, HOUR_MS),
  })
}

type Check = (name: string, value: number, least: number, most: number, whole?: boolean) => number

function rateOf(what: string, { rate }: RemoteOptions, number: Check): RemotePolicy['rate'] {
  if (rate === undefined) return null
  const { perSecond, unit = 'key' } = rate
  if (unit !== 'key' && unit !== 'call') {
    throw new TidemarkError('ERR_OPTION', `${what}: rate.unit is ${showValue(unit)}, but must be 'key' or 'call'`)
  }
  number('rate.perSecond', perSecond, 0.001, 1e9, false)
  const burst = number('rate.burst', rate.burst ?? Math.max(1, Math.ceil(perSecond)), 1, 1e9)
  return Object.freeze({ perSecond, burst, unit })
}

function retryOf(what: string, { retry = {} }: RemoteOptions, number: Check): RetryPolicy {
  const { attempts = 5, baseMs = 100, maxMs = 10_000, jitter = 0.5, when = () => true } = retry
  if (typeof when !== 'function') {
    throw new TidemarkError('ERR_OPTION', `${what}: retry.when is ${showValue(when)}, but must be a function`)
  }
  return Object.freeze({
    attempts: number('retry.attempts', attempts, 1, 1_000_000),
    baseMs: number('retry.baseMs', baseMs, 0, HOUR_MS),
    maxMs: number('retry.maxMs', maxMs, 0, HOUR_MS),
    jitter: number('retry.jitter', jitter, 0, 1, false),
    when,
  })
}

function cacheOf(what: string, { cache }: RemoteOptions, number: Check): RemotePolicy['cache'] {
  if (cache === undefined) return null
  const { maxEntries = 10_000, maxBytes, ttl = '1m', negativeTtl = 0 } = cache
  return Object.freeze({
    maxEntries: number('cache.maxEntries', maxEntries, 1, 16_000_000),
    maxBytes: maxBytes === undefined ? Number.POSITIVE_INFINITY : number('cache.maxBytes', maxBytes, 1, 2 ** 40),
    ttlMs: positiveDurationMs(ttl, `${what}, cache.ttl`),
    negativeTtlMs: durationMs(negativeTtl, `${what}, cache.negativeTtl`),
  })
}
