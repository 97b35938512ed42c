import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { LSM_FAILPOINTS } from '../../src/lsm/failpoints.ts'
import type { Results } from './fixtures/crash-harness.ts'
import { firstFlights, root } from './fixtures/flights-crash.ts'
import { isOfMerges, killAtEach, runWhole } from './fixtures/kill-at.ts'

after(() => rmSync(root, { recursive: true, force: true }))

describe('kill -9 at each step of a merge (C5, C6)', () => {
  // Enough for so many flushes that the run waits for merges at the latest when they are far behind.
  const file = firstFlights(60_000)
  let expected: Results

  before(async () => {
    expected = await runWhole('whole', file)
  })

  const points = LSM_FAILPOINTS.filter(isOfMerges)
  it(`killed at each of ${points.join(', ')}, early or late`, () => killAtEach(points, file, expected))
})
