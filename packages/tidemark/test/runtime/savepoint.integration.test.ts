import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '../../src/clock/clock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { registerEngine } from '../../src/engines/registry.ts'
import { defineJob, isTidemarkError, kv, run, type SavepointInfo, stream, string, uint } from '../../src/index.ts'
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts'
import { askRunning } from '../../src/ops/ask-running.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { MapBase } from '../store/map-base.ts'
import { until } from '../until.ts'
import { JOB, assertBatch, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'
import job, { perItem, sales } from './fixtures-savepoint/stages.job.ts'

const LIST = makeSales(12_000)
const PART = 7000

after(() => rmSync(root, { recursive: true, force: true }))

/** The run's files of state, as far as they are named by a manifest or not. */
function sortedFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.endsWith('.sorted'))
}

describe('a savepoint of a run', () => {
  const partFile = salesFile('part', LIST.slice(0, PART))
  const wholeFile = salesFile('whole', LIST)
  let taken: SavepointInfo

  before(async () => {
    // A file that grows: the same path goes on in the new lineage.
    const growing = salesFile('growing', LIST.slice(0, PART))
    await using app = await run(JOB, {
      ...options('first', growing),
      inputs: { sales: [{ path: growing, follow: true }] },
    })
    await until('some records', () => app.progress().records > 500)
    taken = await app.savepoint()
    writeFileSync(growing, readFileSync(wholeFile))
    await until('all records', () => app.progress().records >= LIST.length && app.progress().lag === 0)
    await app.drain()
  })

  it('is a cut: from it and the rest of the input come the results of a plain loop, byte for byte (K3)', async () => {
    const growing = join(root, 'growing.jsonl')
    const summary = await (await run(JOB, { ...options('second', growing), from: taken.directory })).done
    assert.ok(summary.records > 0 && summary.records < LIST.length, `${summary.records} records came after it`)
    await assertBatch('second', LIST, 'from the savepoint')
  })

  it('the job itself goes on as if nothing had been', async () => {
    const finish = await (await run(JOB, options('first', join(root, 'growing.jsonl')))).done
    assert.equal(finish.records, 0)
    await assertBatch('first', LIST, 'the job')
  })

  it('starting again with the same savepoint goes on from where the data directory is (K5)', async () => {
    const warnings: string[] = []
    const more = await run(JOB, {
      ...options('second', join(root, 'growing.jsonl')),
      from: taken.directory,
      onWarning: (line) => warnings.push(line),
    })
    assert.equal((await more.done).records, 0)
    assert.match(warnings.join('\n'), /has started from savepoint .* before/)
    await assertBatch('second', LIST, 'once more')
  })

  it('in the data directory that it is of, a new lineage reads the old input streams; the old state stays', async () => {
    const filesBefore = sortedFiles(join(root, 'first/state/0'))
    const summary = await (await run(JOB, { ...options('first', join(root, 'growing.jsonl')), from: taken.directory }))
      .done
    assert.ok(summary.records > 0 && summary.records < LIST.length)
    assert.equal(summary.ingested, 0, 'the sources had been read')
    await assertBatch('first', LIST, 'at home')
    assert.deepEqual(sortedFiles(join(root, 'first/state/0')), filesBefore)
    const data = openDataDir(join(root, 'first'), nodeDisk)
    assert.equal(data.lineages()?.current?.number, 2)
    assert.deepEqual(
      data.tasks().map(({ meta }) => meta.lineage),
      [2, 2, 2, 2],
    )
    const names = data.streams().map(({ name }) => name)
    assert.ok(names.includes('sales.shops.repartition') && names.includes('sales.shops.repartition@2'), names.join())
    // And it runs on in this lineage.
    assert.equal((await (await run(JOB, options('first', join(root, 'growing.jsonl')))).done).records, 0)
    await assertBatch('first', LIST, 'at home, again')
  })

  it('does not depend on where it was taken from: all is in it', async () => {
    const moved = join(root, 'moved')
    await using app = await run(JOB, {
      ...options('third', partFile),
      inputs: { sales: [{ path: partFile, follow: true }] },
    })
    await until('all records', () => app.progress().records >= PART)
    const info = await app.savepoint({ to: moved })
    assert.equal(info.directory, moved)
    assert.ok(info.files > 0 && info.bytes > 0 && info.tasks === 4)
    await app.drain()
    rmSync(join(root, 'third'), { recursive: true })
    // The same rows at another path are another source: so the rest alone is given.
    const rest = salesFile('rest', LIST.slice(PART))
    await (await run(JOB, { ...options('fourth', rest), from: moved })).done
    await assertBatch('fourth', LIST, 'from elsewhere')
  })

  it('nothing of it is kept back in the job afterwards', () => {
    for (const task of [0, 1, 2, 3]) {
      const kept = join(root, `first/state/${task}/retained`)
      assert.deepEqual(existsSync(kept) ? readdirSync(kept) : [], [])
    }
  })
})

describe('savepoints that cannot be', () => {
  const file = salesFile('few', LIST.slice(0, 500))

  it('ERR_SAVEPOINT_BUSY, ERR_SAVEPOINT_EXISTS, ERR_RUN_ENDED', async () => {
    const app = await run(JOB, { ...options('busy', file), inputs: { sales: [{ path: file, follow: true }] } })
    const full = join(root, 'full')
    mkdirSync(full)
    writeFileSync(join(full, 'mine.txt'), 'mine')
    await assert.rejects(app.savepoint({ to: full }), { code: 'ERR_SAVEPOINT_EXISTS' })
    const first = app.savepoint()
    await assert.rejects(app.savepoint(), { code: 'ERR_SAVEPOINT_BUSY' })
    assert.ok(existsSync(join((await first).directory, 'savepoint')))
    await app.drain()
    await assert.rejects(app.savepoint(), { code: 'ERR_RUN_ENDED' })
    await assert.rejects(app.checkpoint(), { code: 'ERR_RUN_ENDED' })
  })

  it('ERR_SAVEPOINT_TIMEOUT: a handler that hangs keeps the cut from being reached; then the job goes on (K4)', async () => {
    const seen = kv('seen', { key: string(), value: uint() })
    let release: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const slow = defineJob('slow', {
      inputs: { sales },
      stores: { seen },
      task: {
        sales: async ({ value }, { stores }) => {
          await gate
          stores.seen.put(value.item, 1)
        },
      },
    })
    await using app = await run(slow, { dataDir: join(root, 'slow'), partitions: 1, commit: { intervalMs: 20 } })
    await app.send(sales, { key: 'x', value: { shop: 's', item: 'x', at: 0 } })
    await assert.rejects(app.savepoint({ timeoutMs: 50 }), { code: 'ERR_SAVEPOINT_TIMEOUT' })
    assert.equal(existsSync(join(root, 'slow/savepoints')), false)
    release()
    await until('the message', () => app.progress().lag === 0)
    const info = await app.savepoint()
    assert.equal(info.tasks, 1)
  })

  it('ERR_SAVEPOINT_NOT_FOUND and ERR_SAVEPOINT_MISMATCH at a start', async () => {
    await assert.rejects(run(JOB, { ...options('nowhere', file), from: join(root, 'nothing') }), {
      code: 'ERR_SAVEPOINT_NOT_FOUND',
    })
    const app = await run(JOB, { ...options('mismatch', file), inputs: { sales: [{ path: file, follow: true }] } })
    await until('all records', () => app.progress().records === 500)
    const { directory } = await app.savepoint({ to: join(root, 'mismatch-savepoint') })
    await app.drain()
    const other = defineJob('other', (builder) => builder.from(sales).groupByKey().count(perItem))
    await assert.rejects(run(other, { dataDir: join(root, 'other'), from: directory }), {
      code: 'ERR_SAVEPOINT_MISMATCH',
    })
    const used = { ...options('used', file), inputs: { sales: [{ path: file }] } }
    await (await run(JOB, used)).done
    await assert.rejects(run(JOB, { ...used, from: directory }), { code: 'ERR_SAVEPOINT_MISMATCH' })
  })

  it('ERR_CHECKPOINT_CORRUPT: a file of it is missing, or its description is damaged; no start is made (C8)', async () => {
    const directory = join(root, 'mismatch-savepoint')
    const tasks = readdirSync(join(directory, 'tasks')).map((task) => join(directory, 'tasks', task))
    const victim = tasks.flatMap((task) => sortedFiles(task).map((name) => join(task, name)))[0] as string
    const bytes = readFileSync(victim)
    rmSync(victim)
    const start = { ...options('damaged', file), from: directory }
    await assert.rejects(run(JOB, start), { code: 'ERR_CHECKPOINT_CORRUPT', message: /missing/ })
    writeFileSync(victim, bytes)
    const description = join(directory, 'savepoint')
    const text = readFileSync(description)
    writeFileSync(description, Buffer.from(text).fill('x', 200, 201))
    await assert.rejects(run(JOB, start), { code: 'ERR_CHECKPOINT_CORRUPT', message: /checksum/ })
    writeFileSync(description, text)
    await (await run(JOB, start)).done
    await assertBatch('damaged', LIST.slice(0, 500), 'after it was mended')
  })
})

describe('checkpoints by request', () => {
  it('every task keeps one, until it is deleted', async () => {
    const app = await run(job, { dataDir: join(root, 'manual'), partitions: 2, commit: { intervalMs: 3_600_000 } })
    await app.send(sales, { key: 'x', value: { shop: 's', item: 'apple', at: 0 } })
    await until('the message', () => app.progress().records === 1)
    const made = await app.checkpoint()
    assert.equal(made.tasks.length, 2)
    assert.ok(
      made.tasks.some(({ id }) => id > 0),
      'what was not committed yet is',
    )
    await app.drain()
    assert.ok(isTidemarkError(await app.checkpoint().catch((error: unknown) => error), 'ERR_RUN_ENDED'))
  })
})

describe('engines that keep the newest state only', () => {
  it('an engine of the user: a savepoint by a shadow that goes with it, and a checkpoint that stays', async () => {
    registerEngine({
      name: 'in-a-map',
      open: ({ disk, directory }) => {
        disk.makeDirectory(directory)
        return new MapBase()
      },
    })
    const settings = { dataDir: join(root, 'engine'), partitions: 2, engine: 'in-a-map' }
    const app = await run(job, settings)
    assert.ok(
      (await app.checkpoint()).tasks.every(({ id }) => id === 0),
      'there is nothing yet',
    )
    await app.send(sales, { key: 'x', value: { shop: 's', item: 'apple', at: 0 } })
    await until('the message', () => app.progress().records === 1)
    const taken = await app.savepoint()
    assert.ok(taken.files > 0)
    for (const task of [0, 1]) assert.ok(!existsSync(join(root, `engine/state/${task}/shadow`)))
    await app.checkpoint()
    assert.ok([0, 1].some((task) => existsSync(join(root, `engine/state/${task}/shadow/MANIFEST`))))
    await app.drain()
    const settled = await run(job, { dataDir: join(root, 'engine-2'), partitions: 2, from: taken.directory })
    assert.equal(await settled.store(perItem).get('apple'), 1)
    await settled.drain()
  })

  it('ERR_SAVEPOINT_MISMATCH: a stream with another number of partitions than it had', async () => {
    const wider = defineJob('sales', (builder) => {
      builder
        .from(sales)
        .groupBy((sale) => sale.item)
        .count(perItem)
      builder
        .from(stream('wide', { key: string(), value: uint(), partitions: 8 }))
        .groupByKey()
        .count('wide-counts')
    })
    const start = run(wider, { dataDir: join(root, 'wider'), from: join(root, 'mismatch-savepoint') })
    await assert.rejects(start, { code: 'ERR_SAVEPOINT_MISMATCH', message: /partitions|tasks/ })
  })
})

describe('requests from another process', () => {
  it('ERR_CONTROL_TIMEOUT: who has the data directory open is no running job; ERR_RUN_ENDED: nobody has', async () => {
    const directory = join(root, 'busy')
    const data = openDataDir(directory, nodeDisk)
    const ask = { clock: systemClock, id: 'a-request', timeoutMs: 100 }
    await assert.rejects(askRunning(data, { kind: 'checkpoint' }, ask), { code: 'ERR_RUN_ENDED' })
    const log = EmbeddedLog.open({ disk: nodeDisk, directory, job: null, clock: systemClock })
    await assert.rejects(askRunning(data, { kind: 'checkpoint' }, ask), { code: 'ERR_CONTROL_TIMEOUT' })
    log.close()
    assert.deepEqual(readdirSync(join(directory, 'control')), [], 'the request is taken back')
  })
})
