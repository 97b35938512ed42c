import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/clock/clock.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import type { CompactionResult, CompactionTask } from '../../src/lsm/compaction.ts'
import { CompactionQueue } from '../../src/lsm/compaction-queue.ts'
import { isFileName } from '../../src/lsm/manifest.ts'
import { DIRECTORY, key, openBaseOn, write, type Change } from './support.ts'

function changesOf(id: number, count: number): Change[] {
  return Array.from({ length: count }, (_, i) => ({ key: key(`k${i}`), value: key(`${id} of ${i}`) }))
}

/** Work takes time: each look at it is half a millisecond later. */
class BusyClock extends ManualClock {
  #looks = 0

  override monotonicMs(): number {
    return super.monotonicMs() + this.#looks++ / 2
  }
}

/** A directory with files of some sizes, and a queue over it whose clock the test moves. */
class Stand {
  readonly disk = new MemDisk()
  readonly clock = new BusyClock()
  readonly queue: CompactionQueue
  readonly done: string[] = []
  readonly results = new Map<string, CompactionResult>()
  readonly delays: Error[] = []
  readonly #files: CompactionTask['inputs']
  #number = 100

  constructor(sizes: readonly number[], bytesPerSecond = 0) {
    const base = openBaseOn(this.disk)
    sizes.forEach((count, i) => write(base, i + 1, changesOf(i, count)))
    this.#files = base.manifest.files
    base.close()
    this.queue = new CompactionQueue({
      disk: this.disk,
      clock: this.clock,
      yieldNow: () => new Promise((resolve) => setImmediate(resolve)),
      bytesPerSecond,
      failpoint: () => {},
    })
  }

  /** Asks for a merge of some of the files, newest first. */
  add(name: string, places: readonly number[], id = 1, client = 1): void {
    const inputs = places.map((place) => this.#files[place] as CompactionTask['inputs'][number])
    const task: CompactionTask = {
      directory: DIRECTORY,
      inputs,
      older: [],
      number: this.#number++,
      bucket: null,
      compression: 'none',
      expiry: {},
    }
    this.queue.add(
      client,
      id,
      task,
      (result) => {
        this.done.push(name)
        this.results.set(name, result)
      },
      (error) => this.delays.push(error),
    )
  }

  /** Lets the queue work until it has nothing to do, or waits for the clock. */
  async work(turns = 200): Promise<void> {
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  names(): string[] {
    return this.disk.list(DIRECTORY).filter(isFileName)
  }
}

test('the smallest merge comes first, also when it is asked for later', async () => {
  const stand = new Stand([20_000, 20_000, 10, 10])
  stand.add('large', [2, 3])
  await stand.work(2)
  stand.add('small', [0, 1])
  await stand.work()
  assert.deepEqual(stand.done, ['small', 'large'])
  assert.equal(stand.results.get('large')?.file?.stores[0]?.entries, 20_000)
  assert.equal(stand.results.get('small')?.file?.stores[0]?.entries, 10)
  assert.equal(stand.queue.size, 0)
})

test('ERR_DISK_FULL: a merge waits, leaves nothing behind, and is done once there is room', async () => {
  const stand = new Stand([500, 500])
  const before = stand.names()
  stand.disk.capacityBytes = stand.disk.usedBytes + 1000
  stand.add('a', [0, 1])
  await stand.work()
  assert.equal(stand.delays.length, 1)
  assert.equal((stand.delays[0] as { code?: string }).code, 'ERR_DISK_FULL')
  assert.deepEqual(stand.names(), before)
  stand.clock.advance(300)
  await stand.work()
  assert.equal(stand.delays.length, 1, 'not before its time')
  stand.clock.advance(300)
  await stand.work()
  assert.equal(stand.delays.length, 2)
  stand.disk.capacityBytes = Number.POSITIVE_INFINITY
  stand.clock.advance(1000)
  await stand.work()
  assert.deepEqual(stand.done, ['a'])
  assert.equal(stand.results.get('a')?.error, null)
})

test('a merge that waits for room does not keep others waiting', async () => {
  const stand = new Stand([3000, 3000, 10, 10])
  stand.disk.capacityBytes = stand.disk.usedBytes + 20_000
  stand.add('large', [2, 3], 1)
  await stand.work()
  assert.equal(stand.delays.length, 1)
  stand.add('small', [0, 1], 2)
  await stand.work()
  assert.deepEqual(stand.done, ['small'])
})

test('a failed sync is the result, and is not tried again', async () => {
  const stand = new Stand([500, 500])
  stand.disk.failNext({ operation: 'sync', errno: 'EIO' })
  stand.add('a', [0, 1])
  await stand.work()
  assert.ok(isTidemarkError(stand.results.get('a')?.error, 'ERR_DISK_IO'))
  assert.equal(stand.queue.size, 0)
})

test('merges that are given up leave nothing behind; those of other clients go on', async () => {
  const stand = new Stand([20_000, 20_000, 400, 400])
  const before = stand.names()
  stand.add('a', [2, 3], 1, 1)
  await stand.work(1)
  assert.equal(stand.names().length, before.length + 1, 'it is under way')
  assert.deepEqual(stand.done, [])
  stand.queue.cancel(1, 1)
  assert.deepEqual(stand.names(), before)
  stand.add('b', [2, 3], 2, 1)
  stand.add('c', [0, 1], 2, 2)
  stand.queue.cancel(1)
  await stand.work()
  assert.deepEqual(stand.done, ['c'])
  assert.equal(stand.names().length, before.length + 1)
})

test('the bytes written keep to the limit', async () => {
  const stand = new Stand([30_000, 30_000], 100_000)
  stand.add('a', [0, 1])
  await stand.work()
  assert.deepEqual(stand.done, [], 'it waits')
  const size = 400_000
  let seconds = 0
  for (; stand.done.length === 0 && seconds < 30; seconds++) {
    stand.clock.advance(1000)
    await stand.work(20)
  }
  const written = stand.results.get('a')?.file?.sizeBytes ?? 0
  assert.ok(written > size, `${written} bytes were written`)
  assert.ok(seconds >= Math.floor(written / 100_000) - 4, `${seconds} s for ${written} bytes at 100 kB a second`)
  assert.ok(seconds < 20)
})
