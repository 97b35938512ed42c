import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bench, do_not_optimize, group } from 'mitata'
import { openStore, string, uint } from '../packages/tidemark/src/index.ts'

const KEYS = 100_000
const CHANGES = 100

/** A store alone: reads and writes of one key, and a checkpoint of 100 changes (one fdatasync). */
export function openStoreBench(): void {
  group('store alone, 100 k keys', () => {
    for (const engine of ['lsm', 'memory']) {
      const dir = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
      const opened = openStore({ name: 'bench', dir, engine, key: string(), value: uint() }).then(async (store) => {
        for (let i = 0; i < KEYS; i++) store.put(`key-${i}`, i)
        await store.checkpoint()
        return store
      })
      process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
      let next = 0
      bench(`${engine}: get`, async function* () {
        const store = await opened
        yield () => do_not_optimize(store.get(`key-${(next += 7919) % KEYS}`))
      })
      bench(`${engine}: put`, async function* () {
        const store = await opened
        yield () => store.put(`key-${(next += 7919) % KEYS}`, next)
      })
      bench(`${engine}: ${CHANGES} puts and a checkpoint`, async function* () {
        const store = await opened
        yield async () => {
          for (let i = 0; i < CHANGES; i++) store.put(`key-${(next += 7919) % KEYS}`, next)
          await store.checkpoint()
        }
      })
    }
  })
}
