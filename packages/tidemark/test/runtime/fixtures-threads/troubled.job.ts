import { defineJob, kv, string, uint } from '../../../src/index.ts'
import { orders } from '../streams.ts'

export const counts = kv('counts', { key: string(), value: uint() })

/** An order for `stuck` has a handler that never settles; one for `throw` throws an error with a cause. */
export default defineJob('troubled', {
  inputs: { orders },
  stores: { counts },
  task: {
    orders: async ({ value }, { stores }) => {
      if (value.item === 'throw') throw new RangeError('no tea', { cause: new TypeError('the pot is empty') })
      if (value.item === 'stuck') await new Promise(() => {})
      stores.counts.update(value.item, (n) => (n ?? 0) + value.count)
    },
  },
})
