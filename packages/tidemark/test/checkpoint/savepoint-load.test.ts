import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FileObjects } from '../../src/checkpoint/file-objects.ts'
import { type SavepointTask, TASK_MANIFEST, taskPrefix } from '../../src/checkpoint/savepoint-format.ts'
import { installLoaded, type LoadedTask, loadTasks } from '../../src/checkpoint/savepoint-load.ts'
import { readFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { encodeManifest } from '../../src/lsm/manifest.ts'
import { bytes, get, hex, write } from '../lsm/support.ts'
import { HookedStore } from './hooked-store.ts'

const SAVEPOINT = '/savepoint'
const TASKS = 3
const FILES = 4

/** A savepoint of some tasks, each of some files. */
function makeSavepoint(disk: MemDisk): SavepointTask[] {
  return Array.from({ length: TASKS }, (_, task) => {
    const directory = `${SAVEPOINT}/tasks/${task}`
    const compactor = { compact: () => ({ steps: null, cancel: () => {} }) }
    const base = openLsmBase({ disk, directory, cache: new BlockCache({ capacityBytes: 1 << 20 }), compactor })
    for (let id = 1; id <= FILES; id++) {
      const changes = [...Array.from({ length: 300 }).keys()].map((i) => ({
        key: bytes(`${id} ${i}`),
        value: bytes(`${task} ${i}`),
      }))
      write(base, id, changes)
    }
    const { manifest } = base
    base.close()
    const file = disk.open(`${directory}/${TASK_MANIFEST}`, 'create')
    file.truncate(0)
    file.write(encodeManifest(manifest), 0)
    file.close()
    return { task, checkpointId: FILES, record: {} as never, files: manifest.files }
  })
}

interface Attempt {
  readonly disk: MemDisk
  readonly store: HookedStore
  readonly tasks: readonly SavepointTask[]
  readonly told: { loaded: number; found: number }
  readonly run: () => Promise<LoadedTask[]>
  readonly fetched: () => string[]
}

function world(): Attempt {
  const disk = new MemDisk()
  const tasks = makeSavepoint(disk)
  const store = new HookedStore(new FileObjects({ disk, directory: SAVEPOINT, link: true }))
  const told = { loaded: 0, found: 0 }
  const run = (): Promise<LoadedTask[]> =>
    loadTasks({
      blobs: store,
      disk,
      tasks: tasks.map((task) => ({ task, directory: `/state/${task.task}` })),
      pause: () => Promise.resolve(),
      onBytes: (_, count, loaded) => (told[loaded ? 'loaded' : 'found'] += count),
    })
  const fetched = (): string[] => store.calls.filter(({ kind }) => kind === 'fetch').map(({ name }) => name)
  return { disk, store, tasks, told, run, fetched }
}

function assertWhole({ disk }: Attempt, loaded: readonly LoadedTask[]): void {
  for (const task of loaded) {
    installLoaded(disk, task, 9)
    const cache = new BlockCache({ capacityBytes: 1 << 20 })
    const base = openLsmBase({ disk, directory: task.directory, cache, readOnly: true })
    assert.equal(base.id, 9)
    assert.equal(get(base, bytes('3 7')), hex(bytes(`${task.task.task} 7`)))
    base.close()
  }
}

const sizeOf = (tasks: readonly SavepointTask[]): number =>
  tasks.reduce((sum, { files }) => sum + files.reduce((total, { sizeBytes }) => total + sizeBytes, 0), 0)

test('files of all tasks come in, and are told in bytes', async () => {
  const attempt = world()
  const loaded = await attempt.run()
  assert.equal(attempt.fetched().length, TASKS * FILES)
  assert.deepEqual(attempt.told, { loaded: sizeOf(attempt.tasks), found: 0 })
  assertWhole(attempt, loaded)
})

test('C8 a start that was cut off goes on where it was: what is here is verified, and not fetched again', async () => {
  const attempt = world()
  let left = 5
  const fail = (): Promise<unknown> => {
    if (left-- > 0) {
      attempt.store.before('fetch', fail)
      return Promise.resolve()
    }
    return Promise.reject(new Error('cut off'))
  }
  attempt.store.before('fetch', fail)
  await assert.rejects(attempt.run(), /cut off/)
  const first = attempt.fetched().length - 1
  assert.ok(first >= 5 && first < TASKS * FILES, `${first} files`)
  const loadedBefore = attempt.told.loaded
  const loaded = await attempt.run()
  const again = attempt.fetched().slice(first + 1)
  assert.equal(first + again.length, TASKS * FILES, 'each file was fetched once')
  assert.equal(attempt.told.found, loadedBefore)
  assertWhole(attempt, loaded)
})

test('C8 what an attempt left torn, or of another savepoint, is fetched again; other files go', async () => {
  const attempt = world()
  const { disk, tasks } = attempt
  await attempt.run()
  const path = `/state/1/${tasks[1]?.files[2]?.name}`
  const torn = readFile(disk, path)
  torn[100] = (torn[100] ?? 0) ^ 1
  disk.remove(path)
  const file = disk.open(path, 'create')
  file.write(torn, 0)
  file.close()
  disk.open('/state/1/999.sorted', 'create').close()
  disk.open(`${path}.part`, 'create').close()
  const before = attempt.fetched().length
  const loaded = await attempt.run()
  assert.deepEqual(attempt.fetched().slice(before), [`${taskPrefix(1)}${tasks[1]?.files[2]?.name}`])
  assert.ok(!disk.exists(`${path}.part`))
  assertWhole(attempt, loaded)
})
