import { writeSync } from 'node:fs'
import { defineJob } from '../../packages/tidemark/src/index.ts'
import { perUser, visits } from '../main-path/count.job.ts'

let first = true

/** Counts by key, and writes a line to standard output when the first record comes, from whatever thread it is on. */
export default defineJob('restart', (job) =>
  job
    .from(visits)
    .filter(() => {
      if (first) writeSync(1, 'first message\n')
      first = false
      return true
    })
    .groupByKey()
    .count(perUser),
)
