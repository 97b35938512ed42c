import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Clock, seededRandom } from 'tidemark/system'
import {
  type GroupAnswer,
  GroupMember,
  type GroupPort,
  type JoinAnswer,
  type SyncAnswer,
} from '../../src/cluster/group-member.ts'
import {
  afterFact,
  leaseUntilMs,
  type MembershipTiming,
  OUTSIDE,
  stopAtMs,
  timingOf,
} from '../../src/cluster/membership.ts'
import { CoordinatorModel, joinSays, syncSays, World } from './coordinator-model.ts'

const TIMING: MembershipTiming = { leaseMs: 6000, rebalanceMs: 20_000, marginMs: 500 }
const RUNS = Number(process.env['TIDEMARK_GROUP_RUNS'] ?? 40)
const CALM_AT_MS = 60_000
/** A session, a rebalance whose members are gone, and what was under way. */
const SETTLE_MS = 70_000

interface Plan {
  readonly seed: number
  /** Of requests and of answers, each. */
  readonly loss: number
  readonly slowMs: number
  readonly starts: readonly number[]
  readonly stops: readonly { readonly process: number; readonly atMs: number; readonly forMs: number }[]
  readonly ends: readonly { readonly process: number; readonly atMs: number; readonly how: 'leave' | 'die' }[]
  readonly failovers: readonly number[]
  readonly outages: readonly { readonly atMs: number; readonly forMs: number }[]
}

/** A process of the world: it may be stopped for a while, when nothing reaches it, or die. */
class Process implements Clock {
  readonly member: GroupMember
  readonly #world: World
  #stoppedUntilMs = 0
  alive = true
  lost = false

  constructor(world: World, port: (process: Process) => GroupPort, timing: MembershipTiming, random: () => number) {
    this.#world = world
    this.member = GroupMember.start({
      port: port(this),
      clock: this,
      random,
      timing,
      beatMs: 500,
      patienceMs: Number.POSITIVE_INFINITY,
      host: 'h',
      pid: 1,
      onLost: () => (this.lost = true),
    })
  }

  now(): number {
    return this.#world.nowMs
  }

  monotonicMs(): number {
    return this.#world.nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      this.reach(ms, resolve)
    })
  }

  /** Something happens to it in a while; when it stands still, as soon as it goes on. */
  reach(inMs: number, happen: () => void): void {
    this.#world.at(this.#world.nowMs + inMs, () => {
      if (!this.alive) return
      const leftMs = this.#stoppedUntilMs - this.#world.nowMs
      if (leftMs > 0) this.reach(leftMs, happen)
      else happen()
    })
  }

  stop(forMs: number): void {
    this.#stoppedUntilMs = Math.max(this.#stoppedUntilMs, this.#world.nowMs + forMs)
  }
}

/** Runs a plan; `look` at the processes before and after everything that happens. */
async function play(
  plan: Plan,
  believed: MembershipTiming,
  look: (processes: readonly Process[]) => void,
): Promise<Process[]> {
  const world = new World()
  const random = seededRandom(plan.seed)
  const coordinator = new CoordinatorModel(world, TIMING.leaseMs, TIMING.rebalanceMs)
  const processes: Process[] = []
  const isAway = (): boolean =>
    plan.outages.some(({ atMs, forMs }) => world.nowMs >= atMs && world.nowMs < atMs + forMs)
  const delayMs = (): number => 1 + random() * (world.nowMs < CALM_AT_MS && random() < 0.1 ? plan.slowMs : 20)
  const isLost = (): boolean => world.nowMs < CALM_AT_MS && random() < plan.loss

  /** Carries a request there and its answer back, or neither. */
  function carry<A>(process: Process, again: A, serve: (reply: (answer: A) => void) => void): Promise<A> {
    return new Promise((resolve) => {
      let settled = false
      const settle = (answer: A, inMs: number): void => {
        process.reach(inMs, () => {
          if (!settled) resolve(answer)
          settled = true
        })
      }
      // A connection that breaks is noticed some time later.
      if (isLost()) return settle(again, 10 + random() * 2000)
      world.at(world.nowMs + delayMs(), () => {
        if (isAway()) return settle(again, delayMs())
        serve((answer) => (isLost() ? settle(again, 10 + random() * 2000) : settle(answer, delayMs())))
      })
    })
  }

  const port = (process: Process): GroupPort => ({
    join: (member, metadata): Promise<JoinAnswer> =>
      carry(process, joinSays('again'), (reply) => coordinator.join(member, metadata, reply)),
    sync: (member, generation, assignments): Promise<SyncAnswer> =>
      carry(process, syncSays('again'), (reply) => coordinator.sync(member, generation, assignments, reply)),
    beat: (member, generation): Promise<GroupAnswer> =>
      carry<GroupAnswer>(process, { verdict: 'again', error: null }, (reply) =>
        reply({ verdict: coordinator.beat(member, generation), error: null }),
      ),
    leave: (member): Promise<void> =>
      carry<void>(process, undefined, (reply) => {
        coordinator.leave(member)
        reply()
      }),
  })

  for (const atMs of plan.starts) {
    world.at(atMs, () => processes.push(new Process(world, port, believed, random)))
  }
  for (const { process, atMs, forMs } of plan.stops) world.at(atMs, () => processes[process]?.stop(forMs))
  for (const { process, atMs, how } of plan.ends) {
    world.at(atMs, () => {
      const each = processes[process]
      if (each === undefined || !each.alive) return
      if (how === 'leave') void each.member.leave('told to')
      else each.alive = false
    })
  }
  for (const atMs of plan.failovers) world.at(atMs, () => coordinator.failOver())
  for (const { atMs, forMs } of plan.outages) world.at(atMs + forMs, () => coordinator.failOver())
  world.at(CALM_AT_MS, () => processes.push(new Process(world, port, believed, random)))
  await world.run(CALM_AT_MS + SETTLE_MS, () => look(processes))
  return processes
}

const time = fc.integer({ min: 0, max: CALM_AT_MS - 10_000 })
const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 30 }),
  loss: fc.constantFrom(0, 0.02, 0.1),
  slowMs: fc.constantFrom(20, 500, 4000),
  starts: fc.array(time, { minLength: 1, maxLength: 4 }).map((all) => all.toSorted((a, b) => a - b)),
  stops: fc.array(fc.record({ process: fc.nat(3), atMs: time, forMs: fc.integer({ min: 100, max: 30_000 }) }), {
    maxLength: 3,
  }),
  ends: fc.array(
    fc.record({ process: fc.nat(3), atMs: time, how: fc.constantFrom('leave' as const, 'die' as const) }),
    {
      maxLength: 3,
    },
  ),
  failovers: fc.array(time, { maxLength: 2 }),
  outages: fc.array(fc.record({ atMs: time, forMs: fc.integer({ min: 100, max: 9000 }) }), { maxLength: 2 }),
})

function owners(processes: readonly Process[]): number {
  return processes.filter(({ alive, member }) => alive && member.owns).length
}

test('no two processes own at a time, whatever is lost, late, stopped or dead; in the end one does', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const processes = await play(plan, TIMING, (all) => assert.ok(owners(all) <= 1, 'two own'))
      assert.equal(owners(processes), 1, 'one owns in the end: a process was started after all faults')
    }),
    { numRuns: RUNS },
  )
})

test('the model tells: a process that believes in a longer lease than the coordinator shares the tasks with another', async () => {
  const plan: Plan = {
    seed: 1,
    loss: 0,
    slowMs: 20,
    starts: [0, 3000],
    stops: [{ process: 0, atMs: 10_000, forMs: 9000 }],
    ends: [],
    failovers: [],
    outages: [],
  }
  let most = 0
  await play(plan, { ...TIMING, leaseMs: 12_000 }, (all) => (most = Math.max(most, owners(all))))
  assert.equal(most, 2)
  most = 0
  const processes = await play(plan, TIMING, (all) => (most = Math.max(most, owners(all))))
  assert.equal(most, 1)
  assert.deepEqual(
    processes.map(({ lost, member }) => [lost, member.owns]),
    [
      [true, false],
      [false, true],
      [false, false],
    ],
    'the one that stood still has stopped, the spare owns, the last one waits',
  )
})

test('an owner works for as long as its lease says, however long that is, before it hears nothing and stops', () => {
  for (const leaseMs of [1000, 6000, 60_000, 600_000]) {
    const timing = timingOf(leaseMs)
    const owner = { ...OUTSIDE, phase: 'settled', owns: true, aliveMs: 5, stableMs: 5 } as const
    assert.equal(leaseUntilMs(owner, timing), 5 + leaseMs)
    assert.equal(afterFact(owner, { kind: 'tick' }, stopAtMs(owner, timing) - 1, timing).owns, true)
    assert.equal(afterFact(owner, { kind: 'tick' }, stopAtMs(owner, timing), timing).loss, 'expired')
  }
})
