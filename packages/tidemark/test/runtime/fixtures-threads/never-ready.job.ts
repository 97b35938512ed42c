import { isMainThread } from 'node:worker_threads'
import { defineJob } from '../../../src/index.ts'
import { lines, orders } from '../streams.ts'

/** In a container's thread it is never there: the container starts, and goes on starting. */
if (!isMainThread) {
  setInterval(() => {}, 60_000)
  await new Promise(() => {})
}

export default defineJob('never-ready', (job) =>
  job
    .from(orders)
    .map((order) => order.item)
    .to(lines),
)
