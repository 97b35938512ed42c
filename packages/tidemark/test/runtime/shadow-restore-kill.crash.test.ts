import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { INSTALL_STEPS } from '../../src/checkpoint/state-restore.ts'
import { THOROUGH } from '../thorough.ts'
import { runChild } from './fixtures/crash-harness.ts'
import { JOB, root } from './fixtures-savepoint/sales.ts'
import { checkShadowed, finishHere, kindName, shadowedSettings } from './fixtures-savepoint/shadowed.ts'

after(() => rmSync(root, { recursive: true, force: true }))

const IMPORT_STEPS = ['shadow-after-import-batch', 'shadow-before-import-end']
/** Those that a job without shadows has too are all passed through in uploads-kill.crash.test.ts. */
const SHARED = [...INSTALL_STEPS, 'load-after-file', 'load-before-mark']
const POINTS = [...IMPORT_STEPS, ...SHARED.filter((_, i) => THOROUGH || i % 2 === 0), ...IMPORT_STEPS]

describe('kill -9 while a task on engines with a shadow is restored (C6, C8, K6)', () => {
  for (const [i, point] of POINTS.entries()) {
    it(`killed at ${point} on ${kindName(i)}: the next start has the whole state`, async () => {
      const name = `${point}-${i}`
      const settings = shadowedSettings(name, i)
      await finishHere(settings)
      rmSync(join(root, name, 'state'), { recursive: true })
      const killed = await runChild(JOB, settings, { failpoint: `${point}:2` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      await finishHere(settings)
      await checkShadowed(name, point)
      for (const task of [0, 1, 2, 3]) assert.ok(existsSync(join(root, name, `state/${task}/shadow/MANIFEST`)))
    })
  }
})
