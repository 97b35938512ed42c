import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { THOROUGH } from '../thorough.ts'
import { runChild } from './fixtures/crash-harness.ts'
import { JOB, root } from './fixtures-savepoint/sales.ts'
import { checkShadowed, finishHere, kindName, shadowedSettings } from './fixtures-savepoint/shadowed.ts'

after(() => rmSync(root, { recursive: true, force: true }))

const POINTS = [
  'shadow-before-write',
  'shadow-after-write',
  'engine-before-commit',
  'engine-after-commit',
  'retain-before-record',
  'retain-before-manifest',
  'retain-after-manifest',
  'release-before-record',
  'upload-after-file',
  'upload-before-record',
  'upload-after-record',
]

describe('kill -9 of a job on engines with a shadow, as it writes, keeps and uploads (C1, C4, C5, C6, K1, K6)', () => {
  for (const [i, point] of POINTS.entries()) {
    it(`killed at ${point} on ${kindName(i)}: it goes on, and what is uploaded is whole`, async () => {
      const settings = shadowedSettings(point, i)
      const killed = await runChild(JOB, settings, { failpoint: `${point}:3` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      await finishHere(settings)
      await checkShadowed(point, point)
      // What comes from elsewhere is the same on each kind; a third of the points looks at it.
      if (!THOROUGH && i % 3 !== 0) return
      rmSync(join(root, point, 'state'), { recursive: true })
      await finishHere(settings)
      await checkShadowed(point, `${point}, from elsewhere`)
    })
  }
})
