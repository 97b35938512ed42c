import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { json, openStore, string } from '../../src/index.ts'
import { seededRandom } from '../../src/hash/seeded-random.ts'
import { THOROUGH } from '../thorough.ts'
import { modelOf, ROUND, type Value } from './fixtures/rounds.ts'

const KILLS = THOROUGH ? 10 : 3
const ENGINES = ['lsm', 'memory', 'rocksdb', 'leveldb', 'lmdb']
const CHILD = join(import.meta.dirname, 'fixtures/write-rounds.ts')
const root = mkdtempSync(join(tmpdir(), 'tidemark-open-store-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Runs the writer until it is killed, a while after its first line; the last round that it said was durable. */
function runAndKill(dir: string, engine: string, afterMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, dir, engine], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let errors = ''
    child.stdout.on('data', (data: Buffer) => {
      if (out === '') setTimeout(() => child.kill('SIGKILL'), afterMs)
      out += data.toString()
    })
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
    child.on('close', (_code, signal) => {
      // The last line may be cut off.
      const told = out.split('\n').slice(0, -1).map(Number)
      if (signal === 'SIGKILL') resolve(told.at(-1) ?? 0)
      else reject(new Error(`the writer ended by itself: ${errors}`))
    })
  })
}

describe('a store alone is at its last checkpoint after kill -9 (C1, C6)', () => {
  const random = seededRandom(Number(process.env['TIDEMARK_SEED'] ?? 7))
  for (const engine of ENGINES) {
    it(`${engine}: ${KILLS} kills at random moments, each time the content of a whole round`, async () => {
      const dir = join(root, engine)
      let rounds = 0
      for (let kill = 0; kill < KILLS; kill++) {
        const told = await runAndKill(dir, engine, Math.floor(random() * 400))
        assert.ok(told >= rounds, 'what was there before is still there')
        await using store = await openStore<string, Value>({
          name: 'rounds',
          dir,
          engine,
          key: string(),
          value: json<Value>(),
        })
        rounds = store.get(ROUND)?.round ?? 0
        // One more may be durable than the writer had time to tell.
        assert.ok(rounds === told || rounds === told + 1, `${rounds} rounds, ${told} told`)
        const found = new Map([...store.entries()].map(({ key, value }) => [key, value]))
        assert.deepEqual(found, modelOf(rounds))
      }
      assert.ok(rounds > KILLS, `${rounds} rounds`)
    })
  }
})
