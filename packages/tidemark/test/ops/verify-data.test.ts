import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeRetainedRecord } from '../../src/checkpoint/retained-record.ts'
import { readFile } from '../../src/disk/disk.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { stateStats, type StateStats } from '../../src/ops/state-stats.ts'
import { type DataReport, verifyData } from '../../src/ops/verify-data.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { kvSpec, windowSpec } from '../store/harness.ts'
import { batch, DIRECTORY, JobData } from './job-data.ts'

const COUNTS = kvSpec('counts', string(), uint())
const HOURLY = windowSpec('hourly', string(), json<{ n: number }>(), { windowSizeMs: 100 })

/** Two tasks, two stores, a stream of one batch; flushed, and then a commit that is in the journal only. */
function filled(): JobData {
  const data = new JobData([COUNTS, HOURLY], 2)
  const kept = { retentionMs: null, retentionBytes: null, meta: '{}' }
  const stream = data.log.createStream({ name: 'events', partitions: 1, kind: 'user', ...kept })
  for (let i = 0; i < 50; i++) {
    data.put('counts', `user:${i}`, i)
    data.put('hourly', `user:${i}`, { n: i }, 100)
  }
  const records = batch([
    { key: 'a', value: 1, timestamp: 5 },
    { key: 'b', value: 2, timestamp: 6 },
  ])
  data.commit([{ stream: stream.id, partition: 0, bytes: records }])
  data.flush()
  for (let i = 0; i < 10; i++) data.put('counts', `more:${i}`, i)
  data.commit()
  return data
}

async function verify(data: JobData, store?: string): Promise<DataReport> {
  return verifyData(openDataDir(DIRECTORY, data.disk), store === undefined ? {} : { store })
}

function flip(data: JobData, path: string, at: number): void {
  const bytes = readFile(data.disk, path)
  bytes[at] = (bytes[at] as number) ^ 1
  const file = data.disk.open(path, 'write')
  file.write(bytes, 0)
  file.close()
}

test('a sound data directory has no damage; files, entries and the log were read', async () => {
  const report = await verify(filled())
  assert.equal(report.damages, 0)
  assert.deepEqual(report.tasks, [])
  assert.deepEqual(
    report.directories.map(({ task, checkpoints, findings }) => [task, checkpoints, findings]),
    [
      [0, [1], []],
      [1, [1], []],
    ],
  )
  assert.equal(
    report.directories.reduce((sum, each) => sum + each.entries, 0),
    100,
  )
  assert.equal(report.log?.partitions, 1)
  assert.ok(report.log.bytes > 60)
})

test('damage in a state file is named, once by the verification of the file', async () => {
  const data = filled()
  const path = `${DIRECTORY}/state/1/0000000001.sorted`
  flip(data, path, 20)
  const report = await verify(data)
  const found = report.directories.flatMap((each) => each.findings)
  assert.equal(report.damages, found.length + report.tasks.length)
  assert.deepEqual([found.length, found[0]?.file, found[0]?.position, found[0]?.kind], [1, path, 0, 'damage'])
  const store = found[0]?.store as string
  assert.equal((await verify(data, store)).damages, 1)
  const other = store === 'counts' ? 'hourly' : 'counts'
  const alone = await verify(data, other)
  assert.deepEqual([alone.damages, alone.log], [0, null])
})

test('damage in a record batch is named with its file', async () => {
  const data = filled()
  const path = `${DIRECTORY}/streams/events/0/${'0'.repeat(20)}.log`
  flip(data, path, 70)
  const report = await verify(data)
  assert.equal(report.damages, 1)
  assert.equal(report.log?.findings[0]?.file, path)
})

test('a missing file, a leftover, and state that does not fit the log are told', async () => {
  const data = filled()
  data.disk.open(`${DIRECTORY}/state/0/0000000099.sorted`, 'create').close()
  const leftover = await verify(data)
  assert.deepEqual([leftover.damages, leftover.directories[0]?.findings[0]?.kind], [0, 'leftover'])
  data.disk.remove(`${DIRECTORY}/state/0/0000000001.sorted`)
  const missing = await verify(data)
  const found = missing.directories.flatMap((each) => each.findings).filter((each) => each.kind === 'damage')
  assert.deepEqual(
    found.map(({ file, what }) => [file, what.includes('is missing, but checkpoint 1')]),
    [[`${DIRECTORY}/state/0/0000000001.sorted`, true]],
  )
  assert.ok(missing.tasks.length > 0, 'the task cannot be opened either')
})

test('ERR_UNKNOWN_STORE for a store that is not there', async () => {
  await assert.rejects(verify(filled(), 'nothing'), { code: 'ERR_UNKNOWN_STORE' })
})

test('statistics: keys of the journal too, files, bytes, what is overwritten', async () => {
  const data = filled()
  for (let i = 0; i < 50; i++) data.put('counts', `user:${i}`, i + 1)
  data.commit()
  data.flush()
  const stats: StateStats = await stateStats(openDataDir(DIRECTORY, data.disk))
  assert.deepEqual(
    stats.tasks.map(({ task, checkpoint, flushedId, base }) => [task, checkpoint, flushedId, base.files]),
    [
      [0, 3, 3, 2],
      [1, 3, 3, 2],
    ],
  )
  const counts = stats.stores.filter((each) => each.store === 'counts')
  assert.equal(
    counts.reduce((sum, each) => sum + (each.entries ?? 0), 0),
    110,
  )
  const hourly = stats.stores.filter((each) => each.store === 'hourly')
  assert.deepEqual(
    hourly.map(({ files, spaceAmplification, bytes, plainBytes }) => [files, spaceAmplification, bytes === plainBytes]),
    [
      [1, 1, true],
      [1, 1, true],
    ],
  )
  data.put('counts', 'new', 1)
  data.commit()
  const later = await stateStats(openDataDir(DIRECTORY, data.disk))
  const keys = (from: StateStats): number =>
    from.stores.reduce((sum, each) => sum + (each.store === 'counts' ? each.keys : 0), 0)
  assert.equal(keys(later), keys(stats) + 1)
})

test('damage in the record of a retained checkpoint is named, wherever it is', async () => {
  const data = filled()
  const directory = `${DIRECTORY}/state/0`
  const names = [{ checkpoint: '20261124-024500', kind: 'manual' as const }]
  const record = { positions: [], marks: [], clock: null }
  // Of a checkpoint that is no more: the record is read for itself.
  writeRetainedRecord(data.disk, directory, { names, id: 1, atMs: 5, record } as never)
  assert.equal((await verify(data)).damages, 0)
  const path = `${directory}/retained/1.record`
  const { length } = readFile(data.disk, path)
  for (let at = 0; at < length; at += 7) {
    flip(data, path, at)
    const found = (await verify(data)).directories.flatMap((each) => each.findings)
    assert.deepEqual(
      found.map(({ kind, file }) => [kind, file]),
      [['damage', path]],
      `byte ${at}`,
    )
    assert.match(found[0]?.what ?? '', /^ERR_(CHECKPOINT_CORRUPT|FORMAT_NEWER)/)
    flip(data, path, at)
  }
})

test('state of later lineages is verified too, and state of a task that the log does not know is damage', async () => {
  const data = filled()
  const { disk } = data
  const [from, to] = [`${DIRECTORY}/state/0`, `${DIRECTORY}/state/lineage-2/0`]
  disk.makeDirectory(to)
  for (const name of ['MANIFEST', '0000000001.sorted']) disk.link(`${from}/${name}`, `${to}/${name}`)
  const report = await verify(data)
  assert.deepEqual(
    report.directories.map(({ directory }) => directory.slice(DIRECTORY.length)),
    ['/state/0', '/state/1', '/state/lineage-2/0'],
  )
  const found = report.directories.flatMap(({ findings }) => findings)
  assert.deepEqual(
    found.map(({ file, what }) => [file, /of a task that the log does not know/.test(what)]),
    [[`${to}/MANIFEST`, true]],
  )
})
