import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { nodeDisk } from '../../../src/disk/node-disk.ts'
import { failpointOf } from '../../../src/log/embedded/failpoint-environment.ts'
import { FAILPOINTS } from '../../../src/log/embedded/failpoints.ts'
import { LogView } from '../../../src/log/embedded/log-view.ts'
import { openLog, untext, values } from './harness.ts'

const home = mkdtempSync(join(tmpdir(), 'tidemark-log-crash-'))
after(() => rmSync(home, { recursive: true }))

const child = fileURLToPath(new URL('./crash-child.ts', import.meta.url))

for (const name of FAILPOINTS) {
  test(`a process killed at ${name} loses nothing that was acknowledged, and its lock is taken over`, () => {
    const directory = mkdtempSync(join(home, 'd-'))
    const acknowledged: string[] = []
    for (const hit of [7, 4]) {
      const env = { ...process.env, TIDEMARK_FAILPOINT: `${name}:${hit}` }
      const ended = spawnSync(process.execPath, [child, directory], { env, encoding: 'utf8', timeout: 30_000 })
      assert.equal(ended.signal, 'SIGKILL', ended.stderr)
      acknowledged.push(...ended.stdout.split('\n').filter((line) => line !== ''))
      const view = LogView.open({ disk: nodeDisk, directory })
      const stream = view.stream('s')
      assert.ok(stream !== undefined)
      assert.ok(values(nodeDisk, view, stream).length >= acknowledged.length - 1)
    }
    const log = openLog(nodeDisk, { directory, lock: true, segmentMaxBytes: 1000 })
    const id = log.producer('p')?.id ?? 0
    const all = Array.from({ length: id }, (_, i) => `v${i + 1}`)
    // At most one commit of each life was under way.
    assert.ok(id >= acknowledged.length && id <= acknowledged.length + 2, `${id} of ${acknowledged.length}`)
    for (const value of acknowledged) assert.ok(all.includes(value))
    const stream = log.stream('s')
    assert.ok(stream !== undefined)
    for (const partition of [0, 1]) {
      assert.deepEqual(
        values(nodeDisk, log, stream, partition).map((value) => value.trim()),
        all,
      )
    }
    assert.deepEqual(
      log.deltas('p', 0).map((delta) => untext(delta.bytes)),
      all,
    )
    log.close()
  })
}

const never = (): void => assert.ok(false, 'nothing is killed')

test('failpoint text: a name, at which hit; none; an unknown one is refused', () => {
  assert.equal(failpointOf(undefined, never), null)
  assert.equal(failpointOf('', never), null)
  assert.equal(failpointOf('a-step-of-another-part', never), null)
  assert.throws(() => failpointOf('journal-after-sync:0', never), /count/)
  let kills = 0
  const hook = failpointOf('before-publish:2', () => kills++)
  hook?.('before-publish')
  hook?.('after-publish')
  assert.equal(kills, 0)
  hook?.('before-publish')
  assert.equal(kills, 1)
})
