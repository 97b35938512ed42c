import { defineJob } from '../../../src/index.ts'
import { orders } from '../streams.ts'

/** A job that cannot even start: its `init` throws. */
export default defineJob('bad-init', {
  inputs: { orders },
  task: {
    init: () => {
      throw new Error('no connection')
    },
    orders: () => {},
  },
})
