import { defineJob } from '../../../src/index.ts'
import { lines, orders } from '../streams.ts'

/** A mistake that types would have caught: a step that is asynchronous. */
export default defineJob('async-step', (job) =>
  job
    .from(orders)
    .map((order) => Promise.resolve(order.item) as unknown as string)
    .to(lines),
)
