import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RETAIN_FAILPOINTS } from '../../src/checkpoint/retainer.ts'
import { SHADOW_FAILPOINTS } from '../../src/engines/shadow-failpoints.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { Killed, ShadowWorld } from './shadow-world.ts'

type Act = 'commit' | 'flush' | 'manual' | 'policy' | 'release' | 'savepoint'

const round = fc.record({
  keys: fc.array(fc.nat(60), { maxLength: 40 }),
  waitMs: fc.constantFrom(0, 400, 1000, 4000),
  act: fc.constantFrom<Act>('commit', 'flush', 'flush', 'manual', 'savepoint', 'release', 'policy'),
  crashAfter: fc.option(fc.nat(40), { freq: 3 }),
  seed: fc.option(fc.nat(1000), { freq: 3 }),
  follow: fc.boolean(),
  lost: fc.option(fc.constantFrom('plain-one', 'plain-two'), { freq: 4 }),
})

let names = 0

async function act(world: ShadowWorld, what: Act): Promise<void> {
  if (what === 'flush') await world.flush()
  else if (what === 'release') world.retainer.release(`name-${names}`)
  else if (what === 'manual' || what === 'savepoint') await world.keepNamed(`name-${++names}`, what)
  else if (what === 'policy') await world.keep()
  // What the container does when it has nothing else to do.
  if (what !== 'commit') for (let i = 0; i < 3 && world.state.mustFlush; i++) await world.flush()
}

/** Runs what may be cut off; true if it was. */
async function cutOff(world: ShadowWorld, work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return false
  } catch (error) {
    if (error instanceof Killed || isTidemarkError(error, 'ERR_DISK_IO') || world.disk.stopped) return true
    throw error
  }
}

describe('engines and their shadow, cut off', () => {
  it('between any two operations of the disk, with it kept up or not: task, shadow and what is kept are whole (C1, C5, C6, K1, K6)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(round, { minLength: 1, maxLength: 14, size: 'max' }),
        fc.boolean(),
        async (rounds, first) => {
          const world = await ShadowWorld.open(first)
          for (const [index, { keys, waitMs, act: what, crashAfter, seed, follow, lost }] of rounds.entries()) {
            world.write(index, keys)
            // The log is not on this disk: what is committed stays.
            await world.commit()
            world.nowMs += waitMs
            if (crashAfter !== null) world.disk.stopAfter(crashAfter)
            const cut = await cutOff(world, () => act(world, what))
            if (!cut && crashAfter === null) {
              await world.check()
              continue
            }
            // An engine that is gone is made again from a whole shadow.
            await world.restart(seed, follow, lost)
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  const POINTS = [...SHADOW_FAILPOINTS, ...RETAIN_FAILPOINTS]
  for (const point of POINTS) {
    it(`at ${point}: the next start has the committed state, and all that is kept (C6, K1, K6)`, async () => {
      for (const follow of [true, false]) {
        for (const after of [true, false]) {
          const world = await ShadowWorld.open(false)
          for (let i = 0; i < 6; i++) {
            world.write(
              i,
              [1, 2, 3, 5, 8, 13, 21, 34, 55].map((key) => key + i),
            )
            await world.commit()
            await world.flush()
          }
          const steps: (() => Promise<unknown>)[] = [
            () => world.keepNamed('first', 'manual'),
            () => world.flush(),
            () => world.keepNamed('second', 'savepoint'),
            async () => void world.retainer.release('second'),
            () => world.restart(null, follow),
            () => world.keepNamed('third', 'manual'),
            () => world.flush(),
            async () => void world.retainer.release('first'),
            async () => void world.retainer.release('third'),
            () => world.restart(null, true),
            () => world.keep(),
            () => world.restart(null, true, 'plain-two'),
            () => world.restart(null, false),
          ]
          for (const [i, step] of steps.entries()) {
            world.write(i, [3, 9, 27, 30 + i])
            await world.commit()
            world.nowMs += 1000
            world.failpoint = point
            const cut = await cutOff(world, async () => void (await step()))
            world.failpoint = null
            if (cut) await world.restart(i % 2 === 0 ? i : null, after)
            await world.flush()
            await world.check()
          }
        }
      }
    })
  }

  it('passes all of its failpoints', async () => {
    const world = await ShadowWorld.open(false)
    for (let i = 0; i < 6; i++) {
      world.write(i, [1, 2, 3, 5, 8, 13, 21, 34, 55])
      await world.commit()
      await world.flush()
      await world.keepNamed(`name-${i}`, i < 3 ? 'manual' : 'savepoint')
    }
    await world.restart(null, true, 'plain-one')
    for (let i = 0; i < 6; i++) world.retainer.release(`name-${i}`)
    await world.restart(null, false)
    assert.deepEqual(
      SHADOW_FAILPOINTS.filter((name) => !world.passed.has(name)),
      [],
    )
  })
})
