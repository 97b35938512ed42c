import { existsSync, writeFileSync } from 'node:fs'
import { defineJob, kv, string, uint } from '../../../src/index.ts'
import { orders } from '../streams.ts'

export const counts = kv('counts', { key: string(), value: uint() })

/*
 * An order with a marker waits until the file of that name is there. The first time it then throws outside of its handler,
 * so that its container crashes; after the restart it is as any other.
 */
export default defineJob('crash-at-cut', {
  inputs: { orders },
  stores: { counts },
  task: {
    orders: async ({ value }, { stores }) => {
      const { item, count, marker } = value
      if (marker !== undefined && !existsSync(`${marker}.crashed`)) {
        while (!existsSync(marker)) await new Promise((done) => setTimeout(done, 2))
        writeFileSync(`${marker}.crashed`, '')
        setImmediate(() => {
          throw new Error('crash at the cut')
        })
        await new Promise(() => {})
      }
      stores.counts.update(item, (n) => (n ?? 0) + count)
    },
  },
})
