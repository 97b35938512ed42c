import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../../src/index.ts'
import { named, nameOf, naming, optionsFor, ordersOf } from './fixtures-lookups/names.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-lookups-kill-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const KILLED = join(import.meta.dirname, 'fixtures-lookups', 'killed.ts')
const CALLS = [3, 15, 9, 21]

test('kill -9 while look-ups are under way and commits come often: each result once, in order (C1, C2)', async () => {
  // More than all the calls below could do, whatever is committed before each kill.
  const rows = ordersOf(10_000)
  const input = join(directory, 'orders.jsonl')
  writeFileSync(input, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const dataDir = join(directory, 'data')
  for (const call of CALLS) {
    const args = [KILLED, dataDir, input, String(call)]
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
    const child = spawnSync(process.execPath, args, { encoding: 'utf8', env, timeout: 60_000 })
    assert.equal(child.signal, 'SIGKILL', child.stderr)
  }
  const app = await run(
    naming(() => {}),
    optionsFor(dataDir, input),
  )
  await app.done
  const seen: (string | null | undefined)[] = []
  for await (const { value } of app.read(named)) {
    assert.equal(value?.id, seen.length, 'in order, each once')
    seen.push(value?.name)
  }
  assert.deepEqual(seen, rows.map(nameOf))
})
