import { json, kv, stream, string, uint, windows } from 'tidemark'

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
