import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RETAIN_FAILPOINTS } from '../../src/checkpoint/retainer.ts'
import { listRetained, recordIds } from '../../src/checkpoint/retained-record.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { retainedIds } from '../../src/lsm/retained.ts'
import { emptyLog, type KeptLog, KeptTask, readKept, STATE } from './kept-task.ts'

const SETTINGS = { intervalMs: 1000, policy: [{ periodMs: 1000, forMs: 5000 }] }

class Killed extends Error {}

/** A task, the disk that its machine may lose power on, and what its state was at each commit. */
class World {
  readonly disk = new MemDisk()
  readonly log: KeptLog = emptyLog()
  readonly states = new Map<number, ReadonlyMap<string, number>>()
  #model = new Map<string, number>()
  task: KeptTask
  failpoint: string | null = null
  named = 0

  constructor() {
    this.task = this.#open(0)
  }

  #open(nowMs: number): KeptTask {
    return new KeptTask(this.disk, this.log, {
      nowMs,
      settings: SETTINGS,
      failpoint: (name) => {
        if (name === this.failpoint) throw new Killed(name)
      },
    })
  }

  write(round: number, keys: readonly number[]): void {
    for (const key of keys) {
      this.task.store.put(`key-${key}`, round)
      this.#model.set(`key-${key}`, round)
    }
  }

  commit(): void {
    this.task.commit()
    this.states.set(this.log.id, new Map(this.#model))
  }

  /** Power fails, or the process is killed; then the task starts again. Every retained checkpoint is whole (C5). */
  restart(seed: number | null): void {
    const { nowMs } = this.task
    this.failpoint = null
    if (seed === null) this.disk.restart()
    else this.disk.crash({ seed })
    this.#model = new Map(this.states.get(this.log.id))
    this.task = this.#open(nowMs)
    this.check()
    assert.deepEqual(recordIds(this.disk, STATE), retainedIds(this.disk, STATE), 'a record for each, and no other (K1)')
  }

  check(): void {
    for (const { id, record } of listRetained(this.disk, STATE)) {
      assert.deepEqual(
        readKept(this.disk, id),
        this.states.get(id),
        `checkpoint ${id} is the state of commit ${id} (C2, C5)`,
      )
      assert.ok(record.lastDeltaId <= id)
    }
  }
}

/** Runs what may be cut off; true if it was. */
function cutOff(world: World, work: () => void): boolean {
  try {
    work()
    return false
  } catch (error) {
    if (error instanceof Killed || isTidemarkError(error, 'ERR_DISK_IO')) return true
    // What the disk's failure made impossible afterwards.
    if (world.disk.stopped) return true
    throw error
  }
}

const round = fc.record({
  keys: fc.array(fc.nat(60), { maxLength: 40 }),
  waitMs: fc.constantFrom(0, 400, 1000, 4000),
  act: fc.constantFrom(
    'commit' as const,
    'flush' as const,
    'manual' as const,
    'savepoint' as const,
    'release' as const,
  ),
  crashAfter: fc.option(fc.nat(30), { freq: 4 }),
  seed: fc.nat(1000),
})

describe('retained checkpoints and crashes', () => {
  it('power failures between any two operations of the disk: each is whole or not there (K1, C5)', () => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 14, size: 'max' }), (rounds) => {
        const world = new World()
        for (const [index, { keys, waitMs, act, crashAfter, seed }] of rounds.entries()) {
          world.write(index, keys)
          // The log is not on this disk: what is committed stays.
          world.commit()
          world.task.nowMs += waitMs
          if (crashAfter !== null) world.disk.stopAfter(crashAfter)
          const cut = cutOff(world, () => {
            if (act === 'flush') world.task.flush()
            else if (act === 'release') world.task.retainer.release(`name-${world.named}`)
            else if (act !== 'commit') world.task.keepNamed(`name-${++world.named}`, act)
            world.task.keep()
          })
          if (cut || crashAfter !== null) world.restart(seed)
          else world.check()
        }
        world.task.state.close()
      }),
      { numRuns: 150 },
    )
  })

  for (const point of RETAIN_FAILPOINTS) {
    it(`killed at ${point}: the next start has it wholly or not at all (K1, K2, C5)`, () => {
      for (const power of [null, 1, 2, 3]) {
        const world = new World()
        world.write(0, [1, 2, 3])
        world.commit()
        world.task.keepNamed('first', 'manual')
        world.write(1, [2, 3, 4])
        world.commit()
        world.failpoint = point
        const cut = cutOff(world, () => {
          world.task.keepNamed('second', 'manual')
          world.task.retainer.release('first')
        })
        assert.ok(cut, `${point} was passed`)
        world.restart(power)
        const ids = retainedIds(world.disk, STATE)
        const expected = point.startsWith('retain-before')
          ? [[1]]
          : point === 'retain-after-manifest'
            ? [[1, 2]]
            : [[1, 2], [2]]
        assert.ok(
          expected.some((each) => each.join() === ids.join()),
          `${ids.join()} are retained`,
        )
        world.task.state.close()
      }
    })
  }
})
