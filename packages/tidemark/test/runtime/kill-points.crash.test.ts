import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { FAILPOINTS } from '../../src/log/embedded/failpoints.ts'
import { LSM_FAILPOINTS } from '../../src/lsm/failpoints.ts'
import { COMMIT_FAILPOINTS } from '../../src/runtime/committer.ts'
import type { Results } from './fixtures/crash-harness.ts'
import { firstFlights, root } from './fixtures/flights-crash.ts'
import { inGroups, isOfMerges, killAtEach, runWhole } from './fixtures/kill-at.ts'

after(() => rmSync(root, { recursive: true, force: true }))

describe('kill -9 at each step of a commit and a flush (C5, C6)', () => {
  const file = firstFlights(6_000)
  let expected: Results

  before(async () => {
    expected = await runWhole('whole', file)
  })

  const points = [...COMMIT_FAILPOINTS, ...FAILPOINTS, ...LSM_FAILPOINTS].filter((point) => !isOfMerges(point))
  for (const group of inGroups(points, 7)) {
    it(`killed at each of ${group.join(', ')}, early or late`, () => killAtEach(group, file, expected))
  }
})
