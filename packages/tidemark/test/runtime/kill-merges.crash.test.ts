import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { LSM_FAILPOINTS } from '../../src/lsm/failpoints.ts'
import type { Results } from './fixtures/crash-harness.ts'
import { firstFlights, root } from './fixtures/flights-crash.ts'
import { isOfMerges, killAt, runWhole } from './fixtures/kill-at.ts'

after(() => rmSync(root, { recursive: true, force: true }))

describe('kill -9 at each step of a merge (C5, C6)', () => {
  // Enough for so many flushes that the run waits for merges at the latest when they are far behind.
  const file = firstFlights(60_000)
  let expected: Results

  before(async () => {
    expected = await runWhole('whole', file)
  })

  for (const point of LSM_FAILPOINTS) {
    if (isOfMerges(point)) it(`killed at ${point}, early and late`, () => killAt(point, file, expected))
  }
})
