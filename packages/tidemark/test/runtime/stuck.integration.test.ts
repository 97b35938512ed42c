import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { run, type RunOptions } from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { type Order, order } from './streams.ts'

const ENDLESS = new URL('./fixtures-crash/endless.job.ts', import.meta.url)

const root = mkdtempSync(join(tmpdir(), 'tidemark-stuck-'))
after(() => rmSync(root, { recursive: true, force: true }))

const warnings: string[] = []

/** A run over these orders in one container, with a short commit.timeoutMs. */
function options(name: string, rows: readonly Order[], more: RunOptions = {}): RunOptions {
  const path = join(root, `${name}.jsonl`)
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  warnings.length = 0
  return {
    dataDir: join(root, name),
    partitions: 1,
    containers: 1,
    commit: { intervalMs: 20, timeoutMs: 600 },
    inputs: { orders: [{ path }] },
    onWarning: (line) => warnings.push(line),
    ...more,
  }
}

describe('a handler in an endless loop', () => {
  it('ERR_CONTAINER_STUCK names the record; the container starts again, and nothing is lost or doubled', async () => {
    const rows: Order[] = []
    for (let i = 0; i < 300; i++) rows.push(order(`k${i % 7}`, 1))
    rows.splice(200, 0, { ...order('endless', 1), marker: join(root, 'once.marker') })
    const set = options('once', rows, { maxRestarts: 1 })
    await using app = await run(ENDLESS, set)
    const summary = await app.done
    assert.deepEqual([summary.restarts, summary.ended], [1, 'input'])
    assert.match(
      warnings[0] ?? '',
      /^container 0 \(task 0 of job endless\) has not come back for [\d.]+ s from the handling of stream orders, partition 0, (offset|one of)/,
    )
    const expected = new Map<unknown, unknown>()
    for (const { item } of rows) expected.set(item, ((expected.get(item) as number | undefined) ?? 0) + 1)
    const view = await openDataDir(set.dataDir as string, nodeDisk).store('counts')
    assert.deepEqual(new Map([...view.scan()].map(({ key, value }) => [key, value])), expected)
    view.close()
  })

  it('that it meets again and again ends the run by ERR_GAVE_UP, its cause ERR_CONTAINER_STUCK', async () => {
    const set = options('always', [order('a', 1), order('b', 1), order('endless', 1)], { maxRestarts: 1 })
    await using app = await run(ENDLESS, set)
    await assert.rejects(app.done, (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_GAVE_UP')
      const cause = error.cause as Error & { code: string; details: Record<string, unknown> }
      assert.equal(cause.code, 'ERR_CONTAINER_STUCK')
      const { stream, partition, offset, lastOffset = offset } = cause.details
      assert.deepEqual([stream, partition], ['orders', 0])
      assert.ok((offset as number) <= 2 && 2 <= (lastOffset as number), cause.message)
      return true
    })
  })

  it('does not keep a run from being drained', async () => {
    const marker = join(root, 'drained.marker')
    const set = options('drained', [{ ...order('endless', 1), marker }], {
      commit: { intervalMs: 20, timeoutMs: 1500 },
    })
    await using app = await run(ENDLESS, set)
    while (!existsSync(marker)) await new Promise((done) => setTimeout(done, 20))
    await assert.rejects(app.drain(), {
      code: 'ERR_CONTAINER_STUCK',
      message: /partition 0, offset 0, so it was ended/,
    })
  })
})

describe('handlers that are slow, but come back', () => {
  it('are not taken for stuck, however many records wait', async () => {
    const rows = Array.from({ length: 16 }, (_, i) => order(`slow-${i}`, 1))
    const slow = new URL('./fixtures-crash/slow.job.ts', import.meta.url)
    const summary = await (await run(slow, options('slow', rows))).done
    assert.deepEqual([summary.restarts, summary.records, warnings], [0, 16, []])
  })
})
