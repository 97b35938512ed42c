import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { isTidemarkError, TidemarkError } from '../../src/errors/error.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import type { System } from '../../src/api/system.ts'
import { type App, run, type RunOptions } from '../../src/index.ts'
import { LogHost } from '../../src/log/embedded/log-host.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { until } from '../until.ts'
import { closed } from './fixtures-threads/closing.job.ts'
import { due } from './fixtures-threads/two-inputs.job.ts'
import { type Order, order, orders } from './streams.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-threads-'))
after(() => rmSync(root, { recursive: true, force: true }))

let made = 0

function options(more: RunOptions = {}): RunOptions {
  return { dataDir: join(root, `data-${made++}`), partitions: 1, containers: 1, commit: { intervalMs: 20 }, ...more }
}

/** Runs a job module in containers of its own. */
function runModule(name: string, set: RunOptions): Promise<App> {
  return run(new URL(`./fixtures-threads/${name}.job.ts`, import.meta.url), set)
}

function file(name: string, rows: readonly Order[]): string {
  const path = join(root, name)
  writeFileSync(path, text(rows))
  return path
}

function text(rows: readonly Order[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

async function storeEntries(dataDir: string, store: string): Promise<Map<unknown, unknown>> {
  const view = await openDataDir(dataDir, nodeDisk).store(store)
  const entries = new Map<unknown, unknown>()
  for (const { key, value } of view.scan()) entries.set(key, value)
  view.close()
  return entries
}

/** A key that goes to this one of two partitions. */
function keyOf(partition: number): string {
  for (let i = 0; ; i++) {
    const bytes = new TextEncoder().encode(`key-${i}`)
    if (partitionOf(murmur2(bytes, 0, bytes.length), 2) === partition) return `key-${i}`
  }
}

describe('errors out of a container', () => {
  it('ERR_STEP_ASYNC has its own code, the place and the step, whatever the policy', async () => {
    for (const onError of ['fail', 'drop'] as const) {
      await using app = await runModule('async-step', options({ onError }))
      await app.send(orders, { key: 'ada', value: order('tea', 1) })
      await assert.rejects(app.done, {
        code: 'ERR_STEP_ASYNC',
        message: /stream orders, partition 0, offset 0, key ada: step map-1 returned a promise/,
        details: { stream: 'orders', partition: 0, offset: 0, key: 'ada', step: 'map-1' },
      })
    }
  })

  it('ERR_HANDLER_TIMEOUT has its own code and the place', async () => {
    await using app = await runModule('troubled', options({ commit: { intervalMs: 20, timeoutMs: 200 } }))
    await app.send(orders, { key: 'ada', value: order('tea', 1) })
    await app.send(orders, { key: 'bob', value: order('stuck', 1) })
    await assert.rejects(app.done, {
      code: 'ERR_HANDLER_TIMEOUT',
      message: /stream orders, partition 0, offset 1, key bob: the handler did not settle in 180 ms/,
      details: { stream: 'orders', partition: 0, offset: 1, key: 'bob', timeoutMs: 180 },
    })
  })

  it('a handler that is out of time counts as dropped under the policy drop, and the run goes on', async () => {
    const rows = ['tea', 'stuck', 'milk', 'tea'].map((item) => order(item, 1))
    const warnings: string[] = []
    const set = options({
      commit: { intervalMs: 20, timeoutMs: 1000 },
      onError: 'drop',
      inputs: { orders: [{ path: file('stuck.jsonl', rows) }] },
      onWarning: (line) => warnings.push(line),
    })
    const summary = await (await runModule('troubled', set)).done
    assert.deepEqual([summary.dropped, summary.records, summary.ended], [1, 4, 'input'])
    assert.match(warnings.join('\n'), /dropped stream orders, partition 0, offset 1: the handler did not settle/)
    const counted = await storeEntries(set.dataDir as string, 'counts')
    assert.deepEqual(
      counted,
      new Map([
        ['tea', 2],
        ['milk', 1],
      ]),
    )
  })

  it('the causes of an error come with it: code or name, message, stack', async () => {
    await using app = await runModule('troubled', options())
    await app.send(orders, { key: 'ada', value: order('throw', 1) })
    await assert.rejects(app.done, (error: Error) => {
      assert.ok(isTidemarkError(error, 'ERR_HANDLER_FAILED'))
      const first = error.cause as Error
      assert.deepEqual([first.name, first.message], ['RangeError', 'no tea'])
      assert.match(first.stack ?? '', /troubled\.job\.ts:\d+/)
      const second = first.cause as Error
      assert.deepEqual([second.name, second.message, second.cause], ['TypeError', 'the pot is empty', undefined])
      return true
    })
  })
})

describe('a container that is still starting', () => {
  it('ends with its run: the start is told why', async () => {
    const lost = Promise.withResolvers<Error>()
    const system: System = {
      name: 'embedded',
      open: async ({ directory, job }) => {
        const host = await LogHost.start({ directory, job })
        const portFor = host.portFor.bind(host)
        return Object.assign(host, {
          failure: lost.promise,
          // The thread is made right behind this.
          portFor: () => {
            setImmediate(() => lost.resolve(new TidemarkError('ERR_LEASE_LOST', 'another may run the tasks')))
            return portFor()
          },
        })
      },
    }
    await assert.rejects(runModule('never-ready', options({ system })), { code: 'ERR_LEASE_LOST' })
  })
})

describe('the engine memory', () => {
  it('counts as the other one does, also after restarts, with state from files and from the journal', async () => {
    const rows: Order[] = []
    for (let i = 0; i < 3000; i++) rows.push(order(`item-${i % 701}`, 1))
    const path = file('memory.jsonl', rows)
    const expected = new Map<string, number>()
    // Small enough that state is written to files many times in a run.
    const set = options({
      engine: 'memory',
      containers: 2,
      partitions: 3,
      recentMaxBytes: 4096,
      inputs: { orders: [{ path }] },
    })
    for (let round = 1; round <= 3; round++) {
      const summary = await (await runModule('counting', set)).done
      assert.deepEqual([summary.records, summary.containers], [3000, 2])
      for (const { item } of rows) expected.set(item, (expected.get(item) ?? 0) + 1)
      assert.deepEqual(await storeEntries(set.dataDir as string, 'counts'), expected)
      appendFileSync(path, text(rows))
    }
    const names = readdirSync(set.dataDir as string, { recursive: true, encoding: 'utf8' })
    assert.ok(
      names.some((name) => name.endsWith('.sorted')),
      'state is in files',
    )
  })
})

describe('an input partition with nothing to read', () => {
  it('holds the watermark back for five seconds only; then windows close, and what comes too late is late', async () => {
    await using app = await runModule('closing', options({ containers: 2, partitions: 2 }))
    const busy = keyOf(0)
    await app.send(orders, { key: busy, value: order('tea', 1, 1000) })
    await app.send(orders, { key: busy, value: order('tea', 1, 2000) })
    await app.send(orders, { key: busy, value: order('tea', 1, 200_000) })
    const closedTea = async (): Promise<unknown> => app.store(closed).get('tea', { start: 0 })
    await until('the records are processed', () => app.progress().records === 3 && app.progress().lag === 0)
    assert.equal(await closedTea(), undefined, 'the other partition might still have records of this window')
    await until('the idle partition lets the window close', async () => (await closedTea()) === 2)
    await app.send(orders, { key: keyOf(1), value: order('tea', 1, 3000) })
    await until('the record of a closed window is late', () => app.progress().late === 1)
    assert.equal(await closedTea(), 2)
    await app.drain()
  })

  it('an input without messages holds event time back for five seconds, however busy the other one is', async () => {
    await using app = await runModule('two-inputs', options())
    const fired = async (key: string): Promise<unknown> => app.store(due).get(key)
    await app.send(orders, { key: 'first', value: order('tea', 1, 1000) })
    await app.send(orders, { key: 'second', value: order('tea', 1, 2000) })
    await until('the records are processed', () => app.progress().records === 2 && app.progress().lag === 0)
    assert.equal(await fired('first'), undefined, 'the other input might still have earlier messages')
    let at = 3000
    await until('the timer fires', async () => {
      at += 1000
      // Never five seconds without a message: the task is not idle, only its other input is.
      await app.send(orders, { key: 'more', value: order('tea', 1, at) })
      return (await fired('first')) === 1
    })
    await app.drain()
  })
})
