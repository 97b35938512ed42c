import { counter, int64, json, kv, list, session, set, stream, string, uint, versioned, windows } from 'tidemark'

export interface Visit {
  user: string
  page: string
  at: number
  tags: string[]
}
export interface Hourly {
  user: string
  from: number
  visits: number
}

export const visits = stream('visits', { key: string(), value: json<Visit>(), time: (v) => v.at })
export const hourly = stream('visits-per-hour', { key: string(), value: json<Hourly>() })
export const perUserHour = windows('visits-by-user-hour', { key: string(), value: uint() })
export const perUser = kv('per-user', { key: string(), value: uint() })
export const trips = session('trips', { key: string(), value: json<Hourly>(), gap: '30m', retention: '1d' })
export const prices = versioned('prices', { key: string(), value: uint(), history: '1d' })
export const clickCount = counter('clicks', { key: string(), value: int64() })
export const hits = counter('hits', { key: string(), partitionBy: (key) => key.slice(0, 1) })
export const trail = list('trail', { key: string(), value: json<Visit>() })
export const tags = set('tags', { key: string(), value: string() })
export const recent = kv('recent', { key: string(), value: uint(), ttl: { after: '1h', time: 'processing' } })
