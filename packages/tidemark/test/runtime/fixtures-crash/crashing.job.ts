import { existsSync, writeFileSync } from 'node:fs'
import { defineJob, kv, string, uint } from '../../../src/index.ts'
import { orders } from '../streams.ts'

export const counts = kv('counts', { key: string(), value: uint() })

/*
 * What an order's item says happens to its container: `reject` leaves a promise's rejection unhandled, `throw` throws outside of
 * any handler. With a marker (the path of a file) that happens only while the file does not exist.
 */
export default defineJob('crashing', {
  inputs: { orders },
  stores: { counts },
  task: {
    orders: async ({ value }, { stores }) => {
      const { item, count, marker } = value
      stores.counts.update(item, (n) => (n ?? 0) + count)
      if (item !== 'reject' && item !== 'throw') return
      if (marker !== undefined) {
        if (existsSync(marker)) return
        writeFileSync(marker, '')
      }
      if (item === 'reject') void Promise.reject(new Error('nobody handles this'))
      else
        setImmediate(() => {
          throw new Error('outside of a handler')
        })
      // The crash must come before this message is over.
      await new Promise(() => {})
    },
  },
})
