import { defineJob } from 'tidemark'
import { hourly, perUser, visits } from './streams.ts'

export default defineJob('visits', {
  inputs: { visits },
  outputs: { hourly },
  stores: { perUser },
  task: {
    visits(message, { stores, send }) {
      const n = (stores.perUser.get(message.key) ?? 0) + 1
      stores.perUser.put(message.key, n)
      if (n % 100 === 0) send.hourly(message.key, { user: message.key, from: message.timestamp, visits: n })
    },
    every: {
      '10s': ({ stores, metrics }) => {
        metrics.gauge('users', stores.perUser.approximateCount())
      },
    },
  },
})
