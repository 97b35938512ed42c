import type { JoinAnswer, SyncAnswer } from '../../src/cluster/group-member.ts'
import type { Verdict } from '../../src/cluster/membership.ts'

/** Events of a world in order of their time. Ends when nothing is left to happen, or at a time. */
export class World {
  nowMs = 0
  #events: { readonly atMs: number; readonly order: number; readonly happen: () => void }[] = []
  #order = 0

  at(atMs: number, happen: () => void): void {
    const event = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, happen }
    let i = this.#events.length
    while (i > 0 && (this.#events[i - 1] as typeof event).atMs <= event.atMs) i--
    // Sorted with the latest first: the next one is taken from the end.
    this.#events.splice(i, 0, event)
  }

  async run(untilMs: number, look: () => void): Promise<void> {
    for (;;) {
      const next = this.#events.at(-1)
      if (next === undefined || next.atMs > untilMs) break
      this.#events.pop()
      this.nowMs = next.atMs
      look()
      next.happen()
      await new Promise((resolve) => setImmediate(resolve))
      look()
    }
    this.nowMs = untilMs
    look()
  }
}

interface Seat {
  metadata: string
  awaitingJoin: ((answer: JoinAnswer) => void) | null
  awaitingSync: ((answer: SyncAnswer) => void) | null
  /** When the session ends, unless it waits. */
  untilMs: number
}

type State = 'empty' | 'preparing' | 'completing' | 'stable'

const bytes = new TextEncoder()
const text = new TextDecoder()

/**
 * A coordinator of one classic group, as brokers of Kafka 4.3 behave (written from the protocol's documentation and what they
 * were seen to do): sessions, rebalances with their limits, members that have a name and have not joined, and a
 * failover that goes back to what was written down last.
 */
export class CoordinatorModel {
  readonly #world: World
  readonly #leaseMs: number
  readonly #rebalanceMs: number
  #state: State = 'empty'
  #generation = 0
  #leader = ''
  #members = new Map<string, Seat>()
  #pending = new Map<string, number>()
  #assignments = new Map<string, Uint8Array>()
  /** Of the rebalance, or of SyncGroup. */
  #deadlineMs = Number.POSITIVE_INFINITY
  #names = 0
  #written: { generation: number; leader: string; members: Map<string, string>; assignments: Map<string, Uint8Array> } =
    {
      generation: 0,
      leader: '',
      members: new Map(),
      assignments: new Map(),
    }

  constructor(world: World, leaseMs: number, rebalanceMs: number) {
    this.#world = world
    this.#leaseMs = leaseMs
    this.#rebalanceMs = rebalanceMs
  }

  join(member: string, metadata: Uint8Array, reply: (answer: JoinAnswer) => void): void {
    if (member === '') {
      const name = `m${++this.#names}`
      this.#pending.set(name, this.#world.nowMs + this.#leaseMs)
      this.#wakeAt(this.#leaseMs)
      return reply({ ...joinSays('named'), member: name })
    }
    const seat = this.#members.get(member)
    if (seat === undefined && !this.#pending.has(member)) return reply(joinSays('unknown-member'))
    const said = text.decode(metadata)
    const isSame = seat !== undefined && seat.metadata === said
    const settled = this.#state === 'stable' || this.#state === 'completing'
    if (settled && isSame && (this.#state === 'completing' || this.#leader !== member)) {
      this.#renew(seat)
      return reply(this.#joined(member))
    }
    this.#pending.delete(member)
    const untilMs = this.#world.nowMs + this.#leaseMs
    this.#members.set(member, { metadata: said, awaitingJoin: reply, awaitingSync: null, untilMs })
    if (this.#state !== 'preparing') this.#prepare()
    else this.#complete()
  }

  sync(
    member: string,
    generation: number,
    assignments: readonly { readonly member: string; readonly assignment: Uint8Array }[],
    reply: (answer: SyncAnswer) => void,
  ): void {
    const seat = this.#members.get(member)
    if (seat === undefined || this.#state === 'empty') return reply(syncSays('unknown-member'))
    if (generation !== this.#generation) return reply(syncSays('stale-generation'))
    if (this.#state === 'preparing') return reply(syncSays('rebalance'))
    if (this.#state === 'completing') {
      seat.awaitingSync = reply
      if (member !== this.#leader) return
      this.#assignments = new Map(assignments.map((each) => [each.member, each.assignment]))
      this.#state = 'stable'
      this.#deadlineMs = Number.POSITIVE_INFINITY
      this.#write()
      for (const [name, each] of this.#members) {
        each.awaitingSync?.({ ...syncSays('ok'), assignment: this.#assignments.get(name) ?? new Uint8Array(0) })
        each.awaitingSync = null
        this.#renew(each)
      }
      return
    }
    this.#renew(seat)
    reply({ ...syncSays('ok'), assignment: this.#assignments.get(member) ?? new Uint8Array(0) })
  }

  beat(member: string, generation: number): Verdict {
    const seat = this.#members.get(member)
    if (seat === undefined) return 'unknown-member'
    if (generation !== this.#generation) return 'stale-generation'
    this.#renew(seat)
    return this.#state === 'preparing' ? 'rebalance' : 'ok'
  }

  leave(member: string): void {
    this.#pending.delete(member)
    if (this.#members.delete(member)) this.#gone()
    else this.#complete()
  }

  /** Another broker takes over with what was written down; sessions begin anew. */
  failOver(): void {
    // Whoever waits is told that this is no coordinator any more, or sees that the connection breaks.
    for (const { awaitingJoin, awaitingSync } of this.#members.values()) {
      awaitingJoin?.(joinSays('again'))
      awaitingSync?.(syncSays('again'))
    }
    const { generation, leader, members, assignments } = this.#written
    this.#generation = generation
    this.#leader = leader
    this.#assignments = new Map(assignments)
    this.#pending = new Map()
    const untilMs = this.#world.nowMs + this.#leaseMs
    const seats = [...members].map(([name, metadata]): [string, Seat] => {
      return [name, { metadata, awaitingJoin: null, awaitingSync: null, untilMs }]
    })
    this.#members = new Map(seats)
    this.#state = this.#members.size === 0 ? 'empty' : 'stable'
    this.#deadlineMs = Number.POSITIVE_INFINITY
    this.#wakeAt(this.#leaseMs)
  }

  #write(): void {
    const members = new Map([...this.#members].map(([name, { metadata }]) => [name, metadata]))
    this.#written = { generation: this.#generation, leader: this.#leader, members, assignments: this.#assignments }
  }

  #renew(seat: Seat): void {
    seat.untilMs = this.#world.nowMs + this.#leaseMs
    this.#wakeAt(this.#leaseMs)
  }

  #wakeAt(inMs: number): void {
    this.#world.at(this.#world.nowMs + inMs, () => this.#expire())
  }

  #expire(): void {
    const { nowMs } = this.#world
    for (const [name, untilMs] of this.#pending) if (untilMs <= nowMs) this.#pending.delete(name)
    let isGone = false
    for (const [name, seat] of this.#members) {
      if (seat.awaitingJoin !== null || seat.awaitingSync !== null || seat.untilMs > nowMs) continue
      this.#members.delete(name)
      isGone = true
    }
    if (isGone) this.#gone()
    else this.#complete()
    if (this.#deadlineMs > nowMs) return
    if (this.#state === 'preparing') this.#complete(true)
    else if (this.#state === 'completing') {
      for (const [name, seat] of this.#members) if (seat.awaitingSync === null) this.#members.delete(name)
      this.#gone()
    }
  }

  #gone(): void {
    if (this.#state === 'preparing') this.#complete()
    else if (this.#state !== 'empty') this.#prepare()
  }

  #prepare(): void {
    for (const seat of this.#members.values()) {
      seat.awaitingSync?.(syncSays('rebalance'))
      if (seat.awaitingSync !== null) this.#renew(seat)
      seat.awaitingSync = null
    }
    this.#state = 'preparing'
    this.#deadlineMs = this.#world.nowMs + this.#rebalanceMs
    this.#wakeAt(this.#rebalanceMs)
    this.#complete()
  }

  /** Ends the rebalance if all have joined again; at its deadline without those that have not. */
  #complete(isLate = false): void {
    if (this.#state !== 'preparing') return
    if (isLate) for (const [name, seat] of this.#members) if (seat.awaitingJoin === null) this.#members.delete(name)
    const isWaiting = [...this.#members.values()].some(({ awaitingJoin }) => awaitingJoin === null)
    if (isWaiting || (this.#pending.size > 0 && !isLate)) return
    this.#generation++
    if (this.#members.size === 0) {
      this.#state = 'empty'
      this.#deadlineMs = Number.POSITIVE_INFINITY
      return this.#write()
    }
    if (!this.#members.has(this.#leader)) this.#leader = [...this.#members.keys()][0] as string
    this.#state = 'completing'
    this.#deadlineMs = this.#world.nowMs + this.#rebalanceMs
    this.#wakeAt(this.#rebalanceMs)
    for (const [name, seat] of this.#members) {
      this.#renew(seat)
      seat.awaitingJoin?.(this.#joined(name))
      seat.awaitingJoin = null
    }
  }

  #joined(member: string): JoinAnswer {
    const leads = member === this.#leader
    const members = [...this.#members].map(([name, { metadata }]) => ({
      member: name,
      metadata: bytes.encode(metadata),
    }))
    return { ...joinSays('ok'), member, generation: this.#generation, leads, members: leads ? members : [] }
  }
}

export function joinSays(verdict: Verdict): JoinAnswer {
  return { verdict, error: null, member: '', generation: -1, leads: false, members: [] }
}

export function syncSays(verdict: Verdict): SyncAnswer {
  return { verdict, error: null, assignment: new Uint8Array(0) }
}
