import { defineJob, json, kv, stream, string, tumbling, uint, windows } from '../../../src/index.ts'

export interface Sale {
  readonly shop: string
  readonly item: string
  readonly at: number
}

export const sales = stream('sales', { key: string(), value: json<Sale>(), time: (s) => s.at })
export const perItem = kv('per-item', { key: string(), value: uint() })
export const updatesByKind = kv('updates-by-kind', { key: string(), value: uint() })
export const perShopHour = windows('per-shop-hour', { key: string(), value: uint() })
export const closedHours = kv('closed-hours', { key: string(), value: uint() })

/** Three stages: counts by item, the counts' updates by the item's kind; windows by shop, the closed ones by shop again. */
export default defineJob('sales', (job) => {
  const all = job.from(sales)
  all
    .groupBy((sale) => sale.item)
    .count(perItem)
    .groupBy((_, { key }) => key.slice(0, 1))
    .count(updatesByKind)
  all
    .groupBy((sale) => sale.shop, { name: 'shops' })
    .window(tumbling('1h'))
    .count(perShopHour)
    .groupBy((row) => `${row.key}!`, { name: 'closed' })
    .count(closedHours)
})
