import { defineJob, kv, string, uint } from '../../../src/index.ts'
import { orders } from '../streams.ts'

export const counts = kv('counts', { key: string(), value: uint() })

const word = new Int32Array(new SharedArrayBuffer(4))

/** Each order blocks its thread for 100 ms. */
export default defineJob('slow', {
  inputs: { orders },
  stores: { counts },
  task: {
    orders: ({ value }, { stores }) => {
      Atomics.wait(word, 0, 0, 100)
      stores.counts.put(value.item, value.count)
    },
  },
})
