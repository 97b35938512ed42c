import { setTimeout as sleep } from 'node:timers/promises'
import { defineJob, type Job, json, remoteTable, type RunOptions, stream, string } from '../../../src/index.ts'

export interface Order {
  readonly id: number
  readonly user: string
}

export const orders = stream('orders', { key: string(), value: json<Order>() })
export const named = stream('named', { key: string(), value: json<{ id: number; name: string | null }>() })

export function ordersOf(count: number): Order[] {
  return Array.from({ length: count }, (_, id) => ({ id, user: `u${(id * 13) % 97}` }))
}

export function nameOf({ user }: Order): string {
  return `name of ${user}`
}

/** Joins orders with a slow table, which is told of each call by its number. */
export function naming(onCall: (call: number) => void): Job {
  let calls = 0
  const users = remoteTable('users', {
    key: string(),
    value: string(),
    batch: { maxKeys: 8 },
    concurrency: 3,
    read: async (keys) => {
      const call = ++calls
      await sleep(2 + ((call * 7) % 11))
      onCall(call)
      return keys.map((key) => `name of ${key}`)
    },
  })
  return defineJob('naming', (builder) =>
    builder
      .from(orders)
      .lookup(
        users,
        (order) => order.user,
        (order, name) => ({ id: order.id, name: name ?? null }),
      )
      .to(named),
  )
}

export function optionsFor(dataDir: string, input: string): RunOptions {
  const inputs = { orders: [{ path: input }] }
  return { dataDir, inputs, partitions: 1, containers: 0, commit: { intervalMs: 5 } }
}
