import assert from 'node:assert/strict'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { run, type Summary } from '../../src/index.ts'
import { batchResults, JOB, makeSales, options, root } from './fixtures-savepoint/sales.ts'
import type { Sale } from './fixtures-savepoint/stages.job.ts'
import { readResults } from './fixtures/crash-harness.ts'

after(() => rmSync(root, { recursive: true, force: true }))

const LIST = makeSales(16_000)
/** The other stores count rows that come anew at each end of the input. */
const STORES = ['per-item', 'per-shop-hour']
const PARTS = [8000, 9000, 16_000]

function lines(list: readonly Sale[]): string {
  return list.map((sale) => `${JSON.stringify(sale)}\n`).join('')
}

/** Commits come often, so that some producers are heard long before others have read anything. */
async function goOn(path: string): Promise<Summary> {
  return (await run(JOB, { ...options('more', path), commit: { intervalMs: 25 } })).done
}

it('a job that had come to the end of its input goes on with more: nothing is late, and the results are those of a plain loop', async () => {
  const path = join(root, 'more.jsonl')
  writeFileSync(path, '')
  let from = 0
  for (const to of PARTS) {
    appendFileSync(path, lines(LIST.slice(from, to)))
    const summary = await goOn(path)
    assert.deepEqual([summary.records, summary.late], [to - from, 0], `up to record ${to}`)
    const { stores } = await readResults(join(root, 'more'), STORES, [])
    const wanted = batchResults(LIST.slice(0, to))
    for (const store of STORES) assert.equal(stores[store], wanted[store], `${store} up to record ${to}`)
    const again = await goOn(path)
    assert.deepEqual(
      [again.records, again.checkpoints, again.upToDate],
      [0, 0, true],
      'nothing new: nothing is written',
    )
    from = to
  }
})
