import { defineJob, string, tumbling, uint, windows } from '../../../src/index.ts'
import { orders } from '../streams.ts'

export const perMinute = windows('per-minute', { key: string(), value: uint() })
export const closed = windows('closed', { key: string(), value: uint() })

/** Keeps the windows that have closed: which they do only by a watermark, which needs all partitions. */
export default defineJob('closing', (job) =>
  job
    .from(orders)
    .groupBy((order) => order.item)
    .window(tumbling('1m'))
    .count(perMinute)
    .toTable(closed),
)
