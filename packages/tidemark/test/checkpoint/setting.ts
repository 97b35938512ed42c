import assert from 'node:assert/strict'
import { FileObjects } from '../../src/checkpoint/file-objects.ts'
import type { Checkpoint, CheckpointFile, CheckpointManager, Expected } from '../../src/checkpoint/manager.ts'
import { ObjectCheckpointManager } from '../../src/checkpoint/object-manager.ts'
import { HookedStore } from './hooked-store.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { readFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'

export const TASK = 'flights-3'
export const ROOT = '/checkpoints'
export const DIRECTORY: string = `${ROOT}/${TASK}`
export const START_MS: number = Date.UTC(2013, 0, 1)

/** Numbers in [0, 1) that differ and are the same in every run. */
export function seededRandom(seed = 1): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

export interface Setting {
  readonly disk: MemDisk
  readonly clock: ManualClock
  readonly manager: ObjectCheckpointManager
  /** What `manager` works on. */
  readonly store: HookedStore
  /** Another process on the same disk. */
  readonly other: () => ObjectCheckpointManager
}

export function makeSetting(seed = 1): Setting {
  const disk = new MemDisk()
  const clock = new ManualClock(START_MS)
  const random = seededRandom(seed)
  disk.makeDirectory(ROOT)
  disk.syncDirectory('/')
  const objects = (): FileObjects => new FileObjects({ disk, directory: ROOT })
  const store = new HookedStore(objects())
  const manager = new ObjectCheckpointManager({ store, clock, random })
  const other = (): ObjectCheckpointManager => new ObjectCheckpointManager({ store: objects(), clock, random })
  return { disk, clock, manager, store, other }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Commits a checkpoint with one new file, which holds its id, behind the files given. */
export async function commit(
  manager: CheckpointManager,
  expected: Expected,
  files: readonly CheckpointFile[] = [],
  savepoint = false,
): Promise<Checkpoint> {
  const id = expected.previousId + 1
  const added = await manager.writeFile(TASK, expected.epoch, bytesOf(`state of ${id}`))
  const draft = { id, savepoint, files: [...files, added], record: bytesOf(`positions of ${id}`) }
  return manager.createCheckpoint(TASK, draft, expected)
}

/** Restores a checkpoint on a disk of its own, and checks that content and record are those of its id. */
export async function expectRestores(manager: CheckpointManager, id: number): Promise<void> {
  const disk = new MemDisk()
  const checkpoint = await manager.restore(TASK, { disk, directory: '/state' }, id)
  assert.equal(checkpoint.id, id)
  assert.deepEqual(checkpoint.record, bytesOf(`positions of ${id}`))
  const last = checkpoint.files.at(-1) ?? assert.fail('a checkpoint lists its own file')
  assert.equal(new TextDecoder().decode(readFile(disk, `/state/${last.name}`)), `state of ${id}`)
  const names = [...checkpoint.files.map((file) => file.name), 'RESTORED']
  assert.deepEqual(disk.list('/state'), names.sort())
}
