import { defineJob, json, remoteTable, string } from 'tidemark'
import { redisTable } from 'tidemark/redis'
import { hourly, visits } from './streams.ts'

export interface User {
  name: string
  tags: string[]
}

export const users = remoteTable('users', {
  key: string(),
  value: json<User>(),
  read: async (keys, { signal }) => {
    signal.throwIfAborted()
    return new Map(keys.map((key) => [key, { name: key.toUpperCase(), tags: [] }]))
  },
  write: async (entries) => {
    for (const { key, value } of entries) if (value !== undefined) value.name = key
  },
  cache: { ttl: '1m', negativeTtl: 1000 },
})

export const sessions = redisTable('sessions', {
  url: 'redis://localhost',
  key: string(),
  value: json<User>(),
  ttl: '1h',
})

export const pipeline = defineJob('names', (job) =>
  job
    .from(visits)
    .lookup(
      users,
      (visit) => (visit.user === '' ? null : visit.user),
      (visit, user) => ({ user: user?.name ?? visit.user, from: visit.at, visits: user?.tags.length ?? 0 }),
    )
    .to(hourly),
)

export default defineJob('names-task', {
  inputs: { visits },
  outputs: { hourly },
  tables: { users, sessions },
  task: {
    async visits({ key, value }, { tables, send }) {
      const user = await tables.users.get(key)
      const all = await tables.sessions.getAll([key, value.user])
      await tables.sessions.put(key, { name: user?.name ?? '', tags: [...all.keys()] })
      await tables.sessions.delete(value.user)
      send.hourly(key, { user: user?.name ?? '', from: value.at, visits: all.size })
    },
  },
})
