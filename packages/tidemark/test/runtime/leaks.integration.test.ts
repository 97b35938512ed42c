import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { defineJob, kv, run, string, stream, uint } from '../../src/index.ts'
import { until } from '../until.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-leaks-'))
after(() => rmSync(root, { recursive: true, force: true }))

const words = stream('words', { key: string(), value: uint() })
const counts = kv('counts', { key: string(), value: uint() })
const job = defineJob('leaky', {
  inputs: { words },
  stores: { counts },
  task: {
    words({ key, value }, { stores }) {
      stores.counts.put(key, value)
      stores.counts.entries()
    },
  },
})

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test('a run in development warns of iterators that were dropped; any other makes no finalizers, which cost more than ranges', async (t) => {
  const registered = t.mock.method(FinalizationRegistry.prototype, 'register')
  for (const development of [false, true]) {
    const warnings: string[] = []
    const app = await run(job, {
      dataDir: join(root, String(development)),
      partitions: 1,
      containers: 0,
      development,
      onWarning: (line) => warnings.push(line),
    })
    for (let i = 0; i < 50; i++) await app.send(words, { key: 'a', value: i })
    await until('all words', async () => (await app.store(counts).get('a')) === 49)
    const watched = registered.mock.calls.filter(({ arguments: [, held] }) => {
      return typeof held === 'object' && held !== null && 'sources' in held
    }).length
    assert.equal(watched >= 50, development, `${watched} were watched`)
    // They keep what was registered.
    registered.mock.resetCalls()
    if (development) {
      await until('a warning', () => {
        collect()
        return warnings.some((line) => line.includes('an iterator over store counts was neither closed'))
      })
    }
    await app.drain()
    assert.equal(warnings.length > 0, development)
  }
})
