import { defineJob, json, kv, stream, string, uint } from 'tidemark'

export interface Visit {
  user: string
  page: string
}

export const visits = stream('visits', { key: string(), value: json<Visit>() })
export const visitsByUser = stream('visits-by-user', { key: string(), value: uint() })
export const perUser = kv('visits-by-user', { key: string(), value: uint() })

export default defineJob('hello', (job) =>
  job
    .from(visits)
    .groupBy((visit) => visit.user)
    .count(perUser)
    .to(visitsByUser),
)
