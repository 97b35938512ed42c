import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from '../../src/disk/disk.ts'
import { TidemarkError } from '../../src/errors/error.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import type { ScanOptions } from '../../src/ops/store-view.ts'
import { json } from '../../src/serde/json.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { kvSpec, windowSpec } from '../store/harness.ts'
import { DIRECTORY, JobData } from './job-data.ts'

const COUNTS = kvSpec('counts', string(), uint())
const HOURLY = windowSpec('hourly', string(), json<{ n: number }>(), { windowSizeMs: 100 })
const KEYS = ['a', 'ab', 'b', 'ba', 'c', 'd\u0000e', 'z', 'é']

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

function filled(tasks = 3): JobData {
  const data = new JobData([COUNTS, HOURLY], tasks)
  KEYS.forEach((key, i) => {
    data.put('counts', key, i)
    data.put('hourly', key, { n: i }, 100)
    data.put('hourly', key, { n: i + 1 }, 200)
  })
  data.commit()
  return data
}

async function scan(data: JobData, store: string, options?: ScanOptions): Promise<unknown[][]> {
  const view = await openDataDir(DIRECTORY, data.disk).store(store)
  try {
    return [...view.scan(options)].map(({ key, value, window }) =>
      window === undefined ? [key, value] : [key, value, window.start, window.end],
    )
  } finally {
    view.close()
  }
}

const COUNTED = KEYS.map((key, i) => [key, i])

test('a scan gives the entries of all tasks in key order: from deltas, from files, and from both', async () => {
  const data = filled()
  assert.ok(new Set(KEYS.map((key) => data.owner(key))).size > 1, 'several tasks have keys')
  assert.deepEqual(await scan(data, 'counts'), COUNTED)
  data.flush()
  assert.deepEqual(await scan(data, 'counts'), COUNTED)
  data.put('counts', 'b', 100)
  data.commit()
  assert.deepEqual(
    await scan(data, 'counts'),
    COUNTED.map(([key, i]) => [key, key === 'b' ? 100 : i]),
  )
})

test('uncommitted writes are never seen', async () => {
  const data = filled()
  data.put('counts', 'a', 999)
  assert.deepEqual(await scan(data, 'counts'), COUNTED)
})

test('limit, reverse, from, to, prefix and key', async () => {
  const data = filled()
  const keys = async (options: ScanOptions): Promise<unknown[]> =>
    (await scan(data, 'counts', options)).map(([key]) => key)
  assert.deepEqual(await keys({ limit: 2 }), ['a', 'ab'])
  assert.deepEqual(await keys({ limit: 2, reverse: true }), ['é', 'z'])
  assert.deepEqual(await keys({ from: 'b', to: 'c' }), ['b', 'ba'])
  assert.deepEqual(await keys({ prefix: new TextEncoder().encode('b') }), ['b', 'ba'])
  assert.deepEqual(await keys({ prefix: new TextEncoder().encode('b'), from: 'ba' }), ['ba'])
  assert.deepEqual(await keys({ prefix: new TextEncoder().encode('d\u0000') }), ['d\u0000e'])
  assert.deepEqual(await keys({ key: 'a' }), ['a'])
  assert.deepEqual(await keys({ key: 'nope' }), [])
})

test('windows come by key, then by start; a prefix may hold zero bytes', async () => {
  const data = filled()
  const all = await scan(data, 'hourly')
  assert.deepEqual(
    all,
    KEYS.flatMap((key, i) => [
      [key, { n: i }, 100, 200],
      [key, { n: i + 1 }, 200, 300],
    ]),
  )
  assert.deepEqual(await scan(data, 'hourly', { key: 'ab' }), [
    ['ab', { n: 1 }, 100, 200],
    ['ab', { n: 2 }, 200, 300],
  ])
  const prefixed = await scan(data, 'hourly', { prefix: new TextEncoder().encode('d\u0000'), reverse: true })
  assert.deepEqual(
    prefixed.map(([, , start]) => start),
    [200, 100],
  )
})

test('get finds a key in whichever task has it, and a window by its start', async () => {
  const data = filled()
  const directory = openDataDir(DIRECTORY, data.disk)
  const counts = await directory.store('counts')
  for (const [key, value] of COUNTED) assert.equal(counts.get(key), value)
  assert.equal(counts.get('nope'), undefined)
  assert.ok(counts.approximateCount() >= KEYS.length)
  counts.close()
  const hourly = await directory.store('hourly')
  assert.deepEqual(hourly.get('b', { start: 200 }), { n: 3 })
  assert.equal(hourly.get('b', { start: 300 }), undefined)
  hourly.close()
})

test('job, stores and tasks are known; unknown names list those there are', async () => {
  const data = filled(2)
  const directory = openDataDir(DIRECTORY, data.disk)
  assert.equal(directory.job, 'visits')
  assert.deepEqual(
    directory.stores().map(({ name }) => name),
    ['counts', 'hourly'],
  )
  assert.deepEqual(
    directory.tasks().map(({ meta, producer }) => [meta.task, meta.tasks, producer.id]),
    [
      [0, 2, 1],
      [1, 2, 1],
    ],
  )
  await assert.rejects(directory.store('count'), { code: 'ERR_UNKNOWN_STORE', message: /Did you mean "counts"\?/ })
  assert.throws(() => directory.stream('visits'), { code: 'ERR_UNKNOWN_STREAM' })
  assert.throws(() => openDataDir('/elsewhere', data.disk), { code: 'ERR_NOT_A_DATA_DIR' })
})

test('values of a serde that only the job knows are given as bytes, beside those that are known', async () => {
  const own: Serde<string> = { ...string(), name: 'secret' }
  const data = new JobData([COUNTS, kvSpec('own', string(), own)], 1)
  data.put('counts', 'a', 7)
  data.put('own', 'a', 'hi')
  data.commit()
  data.flush()
  assert.deepEqual(await scan(data, 'counts'), [['a', 7]])
  assert.deepEqual(await scan(data, 'own'), [['a', Uint8Array.of(104, 105)]])
})

/** The disk as a reader finds it that is always a moment late: what `open` names has just been replaced. */
function behind(data: JobData, times: number, onLate: () => void): Disk {
  let left = times
  const disk = data.disk
  return {
    open: (path, mode) => {
      if (path.includes('/state/') && left > 0) {
        left--
        onLate()
        throw new TidemarkError('ERR_FILE_NOT_FOUND', `${path} has just been replaced`)
      }
      return disk.open(path, mode)
    },
    exists: (path) => disk.exists(path),
    size: (path) => disk.size(path),
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    removeLater: (path) => disk.removeLater(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    syncDirectoryLater: (path) => disk.syncDirectoryLater(path),
  }
}

test('a store is opened anew when the running job flushed and committed meanwhile', async () => {
  const data = filled()
  data.flush()
  let n = 1000
  const late = behind(data, 2, () => {
    data.put('counts', 'a', n++)
    data.commit()
    data.flush()
  })
  const view = await openDataDir(DIRECTORY, late).store('counts')
  assert.equal(view.get('a'), 1001)
  view.close()
})

test('a view taken before a flush and a commit sees the state of its own or of a later moment, whole', async () => {
  const data = filled()
  const directory = openDataDir(DIRECTORY, data.disk)
  data.put('counts', 'a', 50)
  data.commit()
  data.flush()
  const view = await directory.store('counts')
  assert.equal(view.get('a'), 50)
  view.close()
})

test('ERR_STATE_MOVING after a bounded number of attempts', async () => {
  const data = filled()
  data.flush()
  const late = behind(data, Number.POSITIVE_INFINITY, () => {})
  data.disk.open(`${DIRECTORY}/lock.00000001`, 'create').write(encode('{"pid":7,"identity":"x"}\n'), 0)
  const running = { pid: 8, identity: () => 'x' }
  await assert.rejects(openDataDir(DIRECTORY, late, running).store('counts'), { code: 'ERR_STATE_MOVING' })
  const ended = { pid: 8, identity: () => null }
  await assert.rejects(openDataDir(DIRECTORY, late, ended).store('counts'), {
    code: 'ERR_STATE_CORRUPT',
    message: /no job is running/,
  })
})

test('state files that are ahead of the log are refused as such when no job is running', async () => {
  const data = filled()
  const journal = `${DIRECTORY}/journal/00000001.journal`
  const size = data.disk.size(journal)
  data.put('counts', 'a', 5)
  data.commit()
  data.flush()
  data.disk.open(journal, 'write').truncate(size)
  await assert.rejects(openDataDir(DIRECTORY, data.disk).store('counts'), { code: 'ERR_STATE_AHEAD', exitCode: 5 })
})
