import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { type App, defineJob, kv, run, type RunOptions, string, uint } from '../../src/index.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { lines, type Order, order, orders } from './streams.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-run-'))
after(() => rmSync(root, { recursive: true, force: true }))

const CRASHING = new URL('./fixtures-crash/crashing.job.ts', import.meta.url)
const BAD_INIT = new URL('./fixtures-crash/bad-init.job.ts', import.meta.url)
const INDEX = new URL('../../src/index.ts', import.meta.url)
const counts = kv('counts', { key: string(), value: uint() })

const counting = defineJob('counting', (job) => job.from(orders).groupByKey().count(counts))

/** A run of a job whose handler never settles; ready when the handler has been called. */
async function stuck(more: RunOptions): Promise<App> {
  const entered = Promise.withResolvers<void>()
  const job = defineJob('stuck', {
    inputs: { orders },
    task: {
      orders: () => {
        entered.resolve()
        return new Promise<void>(() => {})
      },
    },
  })
  const app = await run(job, options(more))
  await app.send(orders, { key: 'ada', value: order('tea', 1) })
  await entered.promise
  return app
}

let directories = 0
function options(more: RunOptions = {}): RunOptions {
  return { dataDir: join(root, `data-${directories++}`), partitions: 1, commit: { intervalMs: 20 }, ...more }
}

function file(name: string, rows: readonly Order[]): string {
  const path = join(root, name)
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return path
}

/** What is committed in a data directory that nobody runs. */
async function storeEntries(dataDir: string, store: string): Promise<[unknown, unknown][]> {
  const view = await openDataDir(dataDir, nodeDisk).store(store)
  const entries: [unknown, unknown][] = []
  for (const { key, value } of view.scan()) entries.push([key, value])
  view.close()
  return entries
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'no error'
}

describe('names and options', () => {
  it('ERR_UNKNOWN_STREAM: inputs of a stream that the job has not', async () => {
    await assert.rejects(run(counting, options({ inputs: { order: [{ path: '-' }] } })), {
      code: 'ERR_UNKNOWN_STREAM',
      message: /no input stream order. Its input streams: orders/,
    })
  })

  it('ERR_UNKNOWN_STORE: the message lists the stores', async () => {
    await using app = await run(counting, options())
    const other = kv('other', { key: string(), value: uint() })
    assert.throws(() => app.store(other), { code: 'ERR_UNKNOWN_STORE', message: /no store other. Its stores: counts/ })
    assert.equal(await app.store(counts).get('ada'), undefined)
  })

  it('ERR_OPTION: a dead-letter stream that the job itself reads', async () => {
    const refused = { code: 'ERR_OPTION', message: /dead-letter stream orders is read by job counting itself/ }
    await assert.rejects(run(counting, options({ onError: { deadLetter: 'orders' } })), refused)
    const path = file('none.jsonl', [])
    const inputs = { orders: [{ path, onError: { deadLetter: 'orders' } }] }
    await assert.rejects(run(counting, options({ inputs })), refused)
    await using app = await run(counting, options({ onError: { deadLetter: 'failures' } }))
    assert.equal(app.progress().phase, 'running')
  })

  it('ERR_OPTION: containers for a job that is given as a value', async () => {
    await assert.rejects(run(counting, options({ containers: 2 })), { code: 'ERR_OPTION' })
  })
})

describe('a run that works', () => {
  it('sends, reads, drains: the summary says so, and the next run goes on with no lag to begin with', async () => {
    const set = options()
    {
      await using app = await run(counting, set)
      for (let i = 0; i < 5; i++) await app.send(orders, { key: 'ada', value: order('tea', i) })
      while (app.progress().lag > 0 || app.progress().records < 5) await new Promise((r) => setImmediate(r))
      const summary = await app.drain()
      assert.deepEqual([summary.records, summary.ended, summary.restarts], [5, 'drain', 0])
      assert.equal(await app.drain(), summary, 'drain again gives the same')
      assert.equal(app.progress().phase, 'ended')
    }
    await using app = await run(counting, set)
    assert.equal(app.progress().lag, 0, 'what was processed in another run is no lag')
    assert.equal(await app.store(counts).get('ada'), 5)
  })
})

describe('a run that fails', () => {
  it('done, drain and dispose all settle after a handler failed; the phase stays ended', async () => {
    const failing = defineJob('failing', {
      inputs: { orders },
      outputs: { lines },
      task: {
        orders: () => {
          throw new Error('no')
        },
      },
    })
    const app = await run(failing, options())
    await app.send(orders, { key: 'ada', value: order('tea', 1) })
    await assert.rejects(app.done, { code: 'ERR_HANDLER_FAILED', message: /orders.*partition 0.*offset 0.*ada/ })
    await assert.rejects(app.drain(), { code: 'ERR_HANDLER_FAILED' })
    assert.equal(app.progress().phase, 'ended')
    await app[Symbol.asyncDispose]()
    assert.equal(app.progress().phase, 'ended')
  })

  it('dispose tells an error that nobody has looked at', async () => {
    const app = await stuck({ drainTimeoutMs: 50 })
    assert.equal(await codeOf(Promise.resolve(app[Symbol.asyncDispose]())), 'ERR_DRAIN_TIMEOUT')
  })

  it('ERR_HANDLER_TIMEOUT: an asynchronous handler that does not settle', async () => {
    const app = await stuck({ commit: { intervalMs: 20, timeoutMs: 200 } })
    await assert.rejects(app.done, {
      code: 'ERR_HANDLER_TIMEOUT',
      message: /orders, partition 0, offset 0, key ada: the handler did not settle in 180 ms/,
    })
    await app[Symbol.asyncDispose]()
  })

  it('ERR_DRAIN_TIMEOUT: a handler at work when the run is to end; drain does not hang', async () => {
    const app = await stuck({ drainTimeoutMs: 100 })
    await assert.rejects(app.drain(), { code: 'ERR_DRAIN_TIMEOUT', message: /within 100 ms/ })
    await assert.rejects(app.done, { code: 'ERR_DRAIN_TIMEOUT' })
    await app[Symbol.asyncDispose]()
  })
})

describe('a job that fails as it starts', () => {
  for (const how of ['value', 'module']) {
    it(`done tells, and nothing keeps the process alive (${how})`, async () => {
      const script = `void (async () => {
        const { run } = await import(${JSON.stringify(INDEX.href)})
        const url = new URL(${JSON.stringify(BAD_INIT.href)})
        const job = ${how === 'value' ? '(await import(url.href)).default' : 'url'}
        const app = await run(job, ${JSON.stringify(options(how === 'value' ? {} : { containers: 1 }))})
        await app.done.catch((error) => console.log(error.code, app.progress().phase))
      })()`
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { timeout: 10_000 })
      assert.equal(stdout.trim(), 'ERR_HANDLER_FAILED ended')
    })
  }
})

describe('containers that crash', () => {
  for (const how of ['reject', 'throw']) {
    it(`ERR_GAVE_UP after maxRestarts, its cause ERR_CONTAINER_CRASHED (${how})`, async () => {
      const path = file(`always-${how}.jsonl`, [order(how, 1)])
      const warnings: string[] = []
      const app = await run(
        CRASHING,
        options({ containers: 1, maxRestarts: 1, inputs: { orders: [{ path }] }, onWarning: (w) => warnings.push(w) }),
      )
      await assert.rejects(app.done, (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_GAVE_UP')
        const cause = error.cause as { code: string; message: string }
        assert.equal(cause.code, 'ERR_CONTAINER_CRASHED')
        assert.match(cause.message, how === 'reject' ? /nobody handles this/ : /outside of a handler/)
        return true
      })
      assert.equal(app.progress().restarts, 1)
      assert.equal(warnings.length, 1)
      await app[Symbol.asyncDispose]()
    })

    it(`a crash that comes once loses and doubles nothing (${how})`, async () => {
      const marker = join(root, `marker-${how}`)
      const rows: Order[] = []
      for (let i = 0; i < 200; i++) rows.push(order(`k${i % 7}`, 1))
      rows.splice(100, 0, { ...order(how, 1), marker })
      const set = options({ containers: 1, maxRestarts: 1, inputs: { orders: [{ path: file(`${how}.jsonl`, rows) }] } })
      const app = await run(CRASHING, set)
      const summary = await app.done
      assert.equal(summary.restarts, 1)
      assert.equal(summary.ended, 'input')
      const expected = new Map<string, number>()
      for (const { item } of rows) expected.set(item, (expected.get(item) ?? 0) + 1)
      assert.deepEqual(new Map(await storeEntries(set.dataDir as string, 'counts')), expected)
    })
  }
})
