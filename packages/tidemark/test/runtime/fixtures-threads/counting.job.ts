import { defineJob, kv, string, uint } from '../../../src/index.ts'
import { orders } from '../streams.ts'

export const counts = kv('counts', { key: string(), value: uint() })

export default defineJob('counting', (job) =>
  job
    .from(orders)
    .groupBy((order) => order.item)
    .count(counts),
)
