import { defineJob, json, kv, stream, string, uint } from 'tidemark'

export interface Visit {
  user: string
  page: string
  at: number
}

export const visits = stream('visits', { key: string(), value: json<Visit>(), partitions: 4 })
export const perUser = kv('visits-by-user', { key: string(), value: uint() })

export default defineJob('count', (job) => job.from(visits).groupByKey().count(perUser))
