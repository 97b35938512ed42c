import { json, kv, type StreamDef, stream, string, uint, windows } from '../../src/index.ts'

export interface Visit {
  readonly user: string
  readonly page: string
  readonly at: number
}

export const visits: StreamDef<string, Visit> = stream('visits', {
  key: string(),
  value: json<Visit>(),
  time: (v) => v.at,
})
export const hourly: StreamDef<string, { user: string; from: number; visits: number }> = stream('visits-per-hour', {
  key: string(),
  value: json<{ user: string; from: number; visits: number }>(),
})
export const perUser = kv('per-user', { key: string(), value: uint() })
export const perUserHour = windows('visits-by-user-hour', { key: string(), value: uint() })
