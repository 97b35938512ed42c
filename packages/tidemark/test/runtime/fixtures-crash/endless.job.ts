import { existsSync, writeFileSync } from 'node:fs'
import { defineJob, kv, string, uint } from '../../../src/index.ts'
import { orders } from '../streams.ts'

export const counts = kv('counts', { key: string(), value: uint() })

/*
 * The handler never comes back from an order for `endless`. With a marker (the path of a file) that happens only while
 * the file does not exist.
 */
export default defineJob('endless', {
  inputs: { orders },
  stores: { counts },
  task: {
    orders: ({ value }, { stores }) => {
      const { item, count, marker } = value
      stores.counts.update(item, (n) => (n ?? 0) + count)
      if (item !== 'endless') return
      if (marker !== undefined) {
        if (existsSync(marker)) return
        writeFileSync(marker, '')
      }
      for (;;) {
        // Nothing ends this but the end of the thread.
      }
    },
  },
})
