import {
  counter,
  defineJob,
  json,
  kv,
  list,
  session,
  set,
  stream,
  string,
  timer,
  tuple,
  uint,
  versioned,
  windows,
} from '../../../src/index.ts'

export interface Visit {
  readonly page: string
  readonly at: number
}

const HOUR_MS = 3_600_000
/** A user's first visit is told of so long after it. */
export const LATER_MS: number = 2 * HOUR_MS

export const visits = stream('visits', { key: string(), value: json<Visit>(), time: (visit) => visit.at })
export const welcomes = stream('welcomes', { key: string(), value: json<{ at: number }>() })

const perPage = kv('per-page', {
  key: tuple(string(), string()),
  value: uint(),
  partitionBy: ([user]) => user,
})
const last = kv('last', { key: string(), value: string(), ttl: { time: 'event', after: '1000d' } })
const perHour = windows('per-hour', { key: string(), value: uint(), retention: 'forever' })
const stays = session('stays', { key: string(), value: json<{ pages: number }>(), gap: 600_000, retention: 'forever' })
const pageOf = versioned('page-of', { key: string(), value: string(), history: 'forever' })
const clicks = counter('clicks', { key: string(), value: uint() })
const trail = list('trail', { key: string(), value: string() })
const seen = set('seen', { key: string(), value: string() })
const welcomed = kv('welcomed', { key: string(), value: uint() })

export const STORES: readonly string[] = [
  'per-page',
  'last',
  'per-hour',
  'stays',
  'page-of',
  'clicks',
  'trail',
  'seen',
  'welcomed',
]

/** A store of each kind, one that goes by a function, one with a TTL, and a timer for each user. */
export default defineJob('kinds', {
  inputs: { visits },
  outputs: { welcomes },
  stores: { perPage, last, perHour, stays, pageOf, clicks, trail, seen, welcomed },
  timers: { welcome: timer('event') },
  task: {
    visits({ key, value: { page, at } }, { stores, timers }) {
      if (stores.clicks.get(key) === 0) timers.welcome.set(key, at + LATER_MS)
      stores.perPage.update([key, page], (n) => (n ?? 0) + 1)
      stores.last.put(key, page)
      const start = Math.floor(at / HOUR_MS) * HOUR_MS
      const window = { start, end: start + HOUR_MS }
      stores.perHour.put(key, window, (stores.perHour.get(key, window) ?? 0) + 1)
      stores.stays.merge(key, at, (parts) => ({ pages: parts.reduce((sum, part) => sum + part.value.pages, 1) }))
      stores.pageOf.put(key, page, at)
      stores.clicks.add(key)
      stores.trail.append(key, page)
      stores.trail.trim(key, 5)
      stores.seen.add(key, page)
    },
    timers: {
      welcome(key, atMs, { stores, send }) {
        stores.welcomed.update(key, (n) => (n ?? 0) + 1)
        send.welcomes(key, { at: atMs })
      },
    },
  },
})
