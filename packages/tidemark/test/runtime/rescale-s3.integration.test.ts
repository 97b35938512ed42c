import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { RescalePlace } from '../../src/checkpoint/rescale-place.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { rescaleSavepoint, run, type RunOptions } from '../../src/index.ts'
import { NO_S3, openStore, s3Url, startS3, temporary } from '../checkpoint/s3-support.ts'
import { until } from '../until.ts'
import { assertBatch, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'
import stages from './fixtures-savepoint/stages.job.ts'

const LIST = makeSales(1500)
const file = salesFile('sales', LIST)
const server = NO_S3 === false ? await startS3() : null

after(() => rmSync(root, { recursive: true, force: true }))

describe('a savepoint in a bucket is rescaled (R1, R4)', { skip: NO_S3 }, () => {
  const urlOf = (name: string): string => s3Url(server?.endpoint ?? '', name)
  const settings = (name: string, more: RunOptions = {}): RunOptions => ({
    ...options(name, file),
    containers: 0,
    ...more,
  })

  it('from the bucket into it, over what an attempt has left that was killed', async () => {
    const app = await run(stages, settings('four', { inputs: { sales: [{ path: file, follow: true }] } }))
    await until('some records', () => app.progress().records > 500)
    await app.savepoint({ to: urlOf('of-four') })
    await app.drain()
    const to = urlOf('to-3')
    const store = openStore(to)
    // What it would leave: a note, and files of five tasks.
    await new RescalePlace({ disk: nodeDisk, to: store, nonce: 'killed', workDirectory: temporary('gone') }).claim(5)
    await store.put('tasks/4/0000000001.sorted', { kind: 'bytes', bytes: Buffer.from('torn') })
    const work = temporary('work')
    const made = await rescaleSavepoint(urlOf('of-four'), { tasks: 3, to, workDirectory: work })
    assert.deepEqual([made.directory, made.from.tasks], [to, 4])
    assert.deepEqual(readdirSync(work), [], 'nothing is left on the way')
    const names = await store.list('')
    store.close()
    assert.ok(names.includes('savepoint') && names.includes('tasks/2/MANIFEST'))
    assert.ok(!names.some((name) => name.startsWith('tasks/4/') || name === 'rescaling'), names.join())
    await (await run(stages, settings('three', { from: to }))).done
    await assertBatch('three', LIST, 'from the bucket')
  })

  it('from the bucket into a directory, and back', async () => {
    const directory = join(root, 'to-6')
    await rescaleSavepoint(urlOf('of-four'), { tasks: 6, to: directory })
    assert.deepEqual(readdirSync(directory).toSorted(), ['savepoint', 'tasks'])
    await rescaleSavepoint(directory, { tasks: 2, to: urlOf('to-2'), job: stages })
    await (await run(stages, settings('two', { from: urlOf('to-2') }))).done
    await assertBatch('two', LIST, 'from a directory into the bucket')
  })

  it('where somebody else makes one meanwhile, nothing is written that counts: ERR_SAVEPOINT_EXISTS', async () => {
    const to = urlOf('both')
    const store = openStore(to)
    const other = new RescalePlace({ disk: nodeDisk, to: store, nonce: 'other', workDirectory: temporary('other') })
    let taken: Promise<void> | null = null
    const making = rescaleSavepoint(urlOf('of-four'), {
      tasks: 3,
      to,
      onProgress: () => void (taken ??= other.claim(3)),
    })
    await assert.rejects(making, { code: 'ERR_SAVEPOINT_EXISTS' })
    assert.equal(await store.size('savepoint'), null)
    await other.assertOwn()
    store.close()
  })
})
