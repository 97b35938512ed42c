import { json, stream, string, uint } from '../../src/index.ts'

/** A message of the tests: what to do, and when it happened. */
export interface Order {
  readonly item: string
  readonly count: number
  readonly at: number
  readonly marker?: string
}

export const orders = stream('orders', { key: string(), value: json<Order>(), time: (o) => o.at })
export const totals = stream('totals', { key: string(), value: uint() })
export const lines = stream('lines', { key: string(), value: string() })

export function order(item: string, count: number, at: number = 0): Order {
  return { item, count, at }
}
