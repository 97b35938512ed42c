import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { lineageStream, readLineage, writeLineage } from '../../src/checkpoint/lineage.ts'
import { systemClock } from '../../src/clock/clock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { run, type RunOptions } from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { dropLineages, listLineages } from '../../src/ops/lineages.ts'
import { verifyData } from '../../src/ops/verify-data.ts'
import { assertBatch, makeSales, options, root, salesFile } from '../runtime/fixtures-savepoint/sales.ts'
import stages from '../runtime/fixtures-savepoint/stages.job.ts'
import { errorOf, tidemark } from './spawn.ts'

const LIST = makeSales(1500)
const file = salesFile('sales', LIST)
const dataDir = join(root, 'home')

after(() => rmSync(root, { recursive: true, force: true }))

function settings(more: RunOptions = {}): RunOptions {
  return { ...options('home', file), containers: 0, ...more }
}

async function cli(...args: string[]): ReturnType<typeof tidemark> {
  return tidemark([...args, '--data-dir', dataDir])
}

describe('older lineages', () => {
  before(async () => {
    // RocksDB in the first one, so that there are directories below a task's.
    const app = await run(stages, settings({ engine: 'rocksdb' }))
    await app.done
    const again = await run(stages, settings({ engine: 'rocksdb', inputs: { sales: [{ path: file, follow: true }] } }))
    const { directory } = await again.savepoint({ to: join(root, 'first') })
    await again.drain()
    await (await run(stages, settings({ from: directory }))).done
    const third = await run(stages, settings({ inputs: { sales: [{ path: file, follow: true }] } }))
    await third.checkpoint()
    const second = await third.savepoint({ to: join(root, 'second') })
    await third.drain()
    await (await run(stages, settings({ from: second.directory }))).done
  })

  it('are listed, with what they take', async () => {
    const { out, exit } = await cli('state', 'lineages', '--json')
    assert.equal(exit, 0)
    const lines = out.trimEnd().split('\n')
    const found = lines.map(
      (line) =>
        JSON.parse(line) as { number: number; kind: string; stateBytes: number; checkpoints: number; tasks: number },
    )
    assert.deepEqual(
      found.map(({ number, kind, tasks }) => [number, kind, tasks]),
      [
        [1, 'older', 4],
        [2, 'older', 4],
        [3, 'current', 4],
      ],
    )
    assert.ok(found.every(({ stateBytes }) => stateBytes > 0))
    assert.ok((found[1]?.checkpoints ?? 0) >= 4)
    assert.match((await cli('state', 'lineages')).out, /lineage +is +began.*\n +1 +older/)
  })

  it('are dropped only on request, and never the current one: ERR_LINEAGE_IN_USE', async () => {
    const unasked = await cli('state', 'drop', '--lineage', 'older', '--json')
    assert.equal(unasked.exit, 2)
    assert.match(errorOf(unasked).message, /removes lineage 1, 2: .* of state.*Say --yes/)
    const current = await cli('state', 'drop', '--lineage', '3', '--yes', '--json')
    assert.deepEqual([current.exit, errorOf(current).code], [2, 'ERR_LINEAGE_IN_USE'])
    assert.match(errorOf(await cli('state', 'drop', '--lineage', '9', '--yes', '--json')).message, /1 \(older\)/)
    assert.match(errorOf(await cli('state', 'drop', '--json')).message, /name a store to drop, or say --lineage/)
    assert.ok(existsSync(join(dataDir, 'state/0')))
  })

  it('a pending one is never dropped: ERR_LINEAGE_IN_USE', () => {
    const lineages = readLineage(nodeDisk, dataDir)
    assert.ok(lineages?.current)
    const pending = { ...lineages.current, number: 4, id: 'pending' }
    writeLineage(nodeDisk, dataDir, { ...lineages, pending })
    assert.throws(() => dropLineages({ disk: nodeDisk, dataDir, clock: systemClock, numbers: [4] }), {
      code: 'ERR_LINEAGE_IN_USE',
    })
    writeLineage(nodeDisk, dataDir, lineages)
  })

  it('go with state, checkpoints and records between; the job and its savepoints stay', async () => {
    const app = await run(stages, settings({ inputs: { sales: [{ path: file, follow: true }] } }))
    const locked = await cli('state', 'drop', '--lineage', '1', '--yes', '--json')
    await app.drain()
    assert.equal(errorOf(locked).code, 'ERR_DATA_DIR_LOCKED')
    assert.equal((await cli('state', 'drop', '--lineage', 'older', '--yes')).exit, 0)
    assert.deepEqual(readdirSync(join(dataDir, 'state')), ['lineage-3'])
    const data = openDataDir(dataDir, nodeDisk)
    assert.deepEqual(
      listLineages(data).map(({ number }) => number),
      [3],
    )
    for (const number of [1, 2]) {
      const name = lineageStream('sales.shops.repartition', number)
      const { slot, partitions } = data.stream(name)
      for (let p = 0; p < partitions; p++) {
        assert.equal(data.view.offsets.start(slot + p), data.view.offsets.end(slot + p), name)
      }
    }
    assert.equal((await verifyData(data)).damages, 0)
    const warnings: string[] = []
    const ended = await (await run(stages, settings({ onWarning: (line) => warnings.push(line) }))).done
    assert.deepEqual([ended.records, warnings], [0, []])
    assert.deepEqual(readdirSync(join(dataDir, 'state')), ['lineage-3'], 'nothing of them comes back')
    await assertBatch('home', LIST, 'the current lineage')
    await (await run(stages, settings({ from: join(root, 'first') }))).done
    await assertBatch('home', LIST, 'from the savepoint of the first')
    assert.match((await cli('state', 'lineages')).out, / 4 +current/)
  })
})
