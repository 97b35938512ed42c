import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { defineJob, isTidemarkError, type KeyValueStore, kv, run, string, uint } from '../../src/index.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { StreamRead } from '../../src/ops/read-stream.ts'
import { Gate } from '../../src/runtime/scope.ts'
import { lines, order, orders } from './streams.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-abandoned-'))
after(() => rmSync(root, { recursive: true, force: true }))

const counts = kv('counts', { key: string(), value: uint() })

/** An order for `late` waits until one for `next` is at work, which waits until `late` has tried what it can. */
function lateJob(tried: string[]) {
  const nextIsAtWork = Promise.withResolvers<void>()
  const lateHasTried = Promise.withResolvers<void>()
  return defineJob('late', {
    inputs: { orders },
    outputs: { lines },
    stores: { counts },
    // The stores of the context that made the handlers are those of all handlers.
    task: ({ stores: shared }: { stores: { counts: KeyValueStore<string, number> } }) => ({
      async orders({ value: { item } }, { stores, send }) {
        if (item === 'late') {
          await nextIsAtWork.promise
          const attempts = {
            put: () => stores.counts.put('late', 1),
            shared: () => shared.counts.put('late', 1),
            send: () => send.lines('late', 'late'),
          }
          for (const [name, attempt] of Object.entries(attempts)) {
            try {
              attempt()
              tried.push(`${name} done`)
            } catch (error) {
              tried.push(isTidemarkError(error) ? `${name} ${error.code}` : String(error))
            }
          }
          lateHasTried.resolve()
          return
        }
        if (item === 'next') {
          stores.counts.put('next', 1)
          nextIsAtWork.resolve()
          await lateHasTried.promise
        }
        shared.counts.update(item, (n) => (n ?? 0) + 1)
        send.lines(item, item)
      },
    }),
  })
}

describe('a handler that ran out of time, and wakes up while another one waits', () => {
  for (const onError of ['drop', { deadLetter: 'failures' }] as const) {
    it(`has a closed context; the other one does not (${JSON.stringify(onError)})`, async () => {
      const tried: string[] = []
      const path = join(root, `orders-${JSON.stringify(onError).length}.jsonl`)
      const rows = ['first', 'late', 'next', 'last', 'last'].map((item) => JSON.stringify(order(item, 1)))
      writeFileSync(path, rows.join('\n'))
      const app = await run(lateJob(tried), {
        dataDir: `${path}.data`,
        partitions: 1,
        commit: { intervalMs: 20, timeoutMs: 300 },
        inputs: { orders: [{ path }] },
        onError,
      })
      const closed = 'ERR_CONTEXT_CLOSED'
      const { dropped, deadLettered } = await app.done
      const data = openDataDir(`${path}.data`, nodeDisk)
      const view = await data.store('counts')
      const entries = [...view.scan()].map(({ key, value }) => [key, value])
      view.close()
      const read = [...new StreamRead(data, 'lines').read()].map(({ value }) => value)
      assert.deepEqual(tried, [`put ${closed}`, `shared ${closed}`, `send ${closed}`])
      assert.deepEqual([dropped, deadLettered], onError === 'drop' ? [1, 0] : [0, 1])
      assert.deepEqual(entries, [
        ['first', 1],
        ['last', 2],
        ['next', 2],
      ])
      assert.deepEqual(read, ['first', 'next', 'last', 'last'])
    })
  }
})

describe('a gate', () => {
  const nothing = undefined

  it('tells calls apart only while an abandoned one may wake up', async () => {
    const gate = new Gate()
    const first = Promise.withResolvers<void>()
    gate.enter(() => gate.check(), nothing, nothing, nothing)
    gate.open = false
    gate.abandon(first.promise)
    const second = Promise.withResolvers<void>()
    const own = gate.enter(
      async () => {
        gate.check()
        await second.promise
        gate.check()
        return 'fine'
      },
      nothing,
      nothing,
      nothing,
    )
    assert.throws(() => gate.check(), { code: 'ERR_CONTEXT_CLOSED' })
    second.resolve()
    assert.equal(await own, 'fine')
    gate.open = false
    first.resolve()
    await first.promise
    await new Promise((done) => setImmediate(done))
    gate.enter(() => {}, nothing, nothing, nothing)
    gate.check()
  })
})
