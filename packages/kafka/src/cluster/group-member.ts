import { type Clock, TidemarkError } from 'tidemark/system'
import { Backoff } from '../net/retry.ts'
import {
  type Candidate,
  chooseOwner,
  encodeMeta,
  encodeOwner,
  decodeMeta,
  decodeOwner,
  type Owner,
} from './assignment.ts'
import {
  afterFact,
  type Fact,
  isOver,
  leaseUntilMs,
  type Loss,
  type Membership,
  type MembershipTiming,
  OUTSIDE,
  stopAtMs,
  type Verdict,
} from './membership.ts'

/** What came of a request; `error` says why unless the verdict is `ok`, `named` or `rebalance`. */
export interface GroupAnswer {
  readonly verdict: Verdict
  readonly error: TidemarkError | null
}

export interface JoinAnswer extends GroupAnswer {
  readonly member: string
  readonly generation: number
  readonly leads: boolean
  /** The leader is told of all members. */
  readonly members: readonly { readonly member: string; readonly metadata: Uint8Array }[]
}

export interface SyncAnswer extends GroupAnswer {
  readonly assignment: Uint8Array
}

/** The requests of one group, one attempt each. None rejects: what was not answered is `again`. */
export interface GroupPort {
  join(member: string, metadata: Uint8Array): Promise<JoinAnswer>
  sync(
    member: string,
    generation: number,
    assignments: readonly { readonly member: string; readonly assignment: Uint8Array }[],
  ): Promise<SyncAnswer>
  beat(member: string, generation: number): Promise<GroupAnswer>
  leave(member: string, reason: string): Promise<void>
}

export interface GroupMemberOptions {
  readonly port: GroupPort
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly timing: MembershipTiming
  /** Between heartbeats. */
  readonly beatMs: number
  /** A process that has never been in the group gives up after so long without an answer. */
  readonly patienceMs: number
  readonly host: string
  readonly pid: number
  /** Told of the owner of each generation in which it is another process. */
  readonly onOther?: (owner: Owner) => void
  /** Told once, at once: it owned, and has to stop. */
  readonly onLost?: (loss: Loss) => void
}

/** Keeps one process in the group: joins, sends heartbeats, and tells when it owns and when it does so no more. */
export class GroupMember {
  /** Settles when it owns. Rejects when the group refuses it, or no coordinator answers for `patienceMs`. */
  readonly granted: Promise<void>
  readonly #options: GroupMemberOptions
  readonly #granted = Promise.withResolvers<void>()
  readonly #stop = new AbortController()
  readonly #backoff: Backoff
  #state: Membership = OUTSIDE
  #changed = Promise.withResolvers<void>()
  #members: JoinAnswer['members'] = []
  #sinceMs: number
  /** Until when a first answer is waited for; infinity once there was one. */
  #patientUntilMs: number
  #left: Promise<void> | null = null

  static start(options: GroupMemberOptions): GroupMember {
    const member = new GroupMember(options)
    void member.#take()
    void member.#beat()
    void member.#watch()
    return member
  }

  private constructor(options: GroupMemberOptions) {
    const { clock, random, beatMs } = options
    this.#options = options
    this.#backoff = new Backoff({ firstMs: 50, mostMs: Math.max(50, beatMs), random })
    this.#sinceMs = clock.now()
    this.#patientUntilMs = clock.monotonicMs() + options.patienceMs
    this.granted = this.#granted.promise
    this.granted.catch(() => {})
  }

  /** Its name in the group; empty: it has none yet. */
  get member(): string {
    return this.#state.member
  }

  /** Nobody else is made owner at this moment, as far as time tells. */
  get owns(): boolean {
    return this.#state.owns && this.#options.clock.monotonicMs() < leaseUntilMs(this.#state, this.#options.timing)
  }

  /** Leaves the group, so that the next in line need not wait for the lease to end. An owner must have stopped its work. */
  leave(reason: string): Promise<void> {
    this.#left ??= this.#leave(reason)
    return this.#left
  }

  async #leave(reason: string): Promise<void> {
    const { member } = this.#state
    this.#know({ kind: 'leave' })
    this.#stop.abort(new Error('left'))
    if (member !== '') await this.#options.port.leave(member, reason)
  }

  /** Carries out what the phase asks for, until it is over. */
  async #take(): Promise<void> {
    while (!isOver(this.#state)) {
      const { phase } = this.#state
      if (phase === 'settled') await this.#changed.promise
      else {
        const { verdict, error } = phase === 'joining' ? await this.#join() : await this.#sync()
        if (verdict === 'again') await this.#again(error)
        else {
          this.#backoff.reset()
          this.#patientUntilMs = Number.POSITIVE_INFINITY
          if (verdict === 'refused' && error !== null) this.#granted.reject(error)
        }
      }
    }
  }

  async #join(): Promise<GroupAnswer> {
    const { port, clock, host, pid } = this.#options
    const { owns, member } = this.#state
    const sentMs = clock.monotonicMs()
    const answer = await port.join(member, encodeMeta({ owns, sinceMs: this.#sinceMs, host, pid }))
    if (answer.verdict === 'ok') this.#members = answer.members
    this.#know({ kind: 'joined', ...answer, sentMs })
    return answer
  }

  async #sync(): Promise<GroupAnswer> {
    const { port, clock } = this.#options
    const { member, generation, leads } = this.#state
    const sentMs = clock.monotonicMs()
    const answer = await port.sync(member, generation, leads ? this.#assignments() : [])
    const owner = answer.verdict === 'ok' ? decodeOwner(answer.assignment) : null
    this.#know({ kind: 'synced', verdict: answer.verdict, owner: owner?.member ?? '', sentMs })
    if (owner !== null && owner.member !== member) this.#options.onOther?.(owner)
    return answer
  }

  /** Every member is told the same. */
  #assignments(): { readonly member: string; readonly assignment: Uint8Array }[] {
    const candidates = this.#members.map(({ member, metadata }): Candidate => {
      return { member, meta: decodeMeta(metadata) }
    })
    const owner = chooseOwner(candidates, this.#options.clock.now())
    if (owner === null) return []
    const assignment = encodeOwner(owner)
    return this.#members.map(({ member }) => ({ member, assignment }))
  }

  async #again(error: TidemarkError | null): Promise<void> {
    const waitMs = this.#backoff.nextMs()
    if (this.#options.clock.monotonicMs() + waitMs <= this.#patientUntilMs) return this.#pause(waitMs)
    this.#granted.reject(error ?? new TidemarkError('ERR_KAFKA_TIMEOUT', 'the group gave no answer. Try again.'))
    this.#know({ kind: 'leave' })
  }

  /** Heartbeats go on while JoinGroup waits for the others: the coordinator sees that this one lives, and it sees that. */
  async #beat(): Promise<void> {
    const { port, clock, beatMs } = this.#options
    while (!isOver(this.#state)) {
      await this.#pause(beatMs)
      const { member, generation } = this.#state
      if (isOver(this.#state) || generation === -1) continue
      const sentMs = clock.monotonicMs()
      const { verdict, error } = await port.beat(member, generation)
      this.#know({ kind: 'beat', verdict, generation, sentMs })
      if (verdict === 'refused' && error !== null) this.#granted.reject(error)
    }
  }

  /** Stops an owner in time. */
  async #watch(): Promise<void> {
    const { clock, timing } = this.#options
    while (!isOver(this.#state)) {
      if (this.#state.owns) {
        await this.#pause(Math.max(1, stopAtMs(this.#state, timing) - clock.monotonicMs()))
        this.#know({ kind: 'tick' })
      } else await this.#changed.promise
    }
  }

  #know(fact: Fact): void {
    const { clock, timing, onLost } = this.#options
    const before = this.#state
    const after = afterFact(before, fact, clock.monotonicMs(), timing)
    this.#state = after
    if (after.owns && !before.owns) {
      this.#sinceMs = clock.now()
      this.#granted.resolve()
    }
    if (after.loss !== null && before.loss === null) onLost?.(after.loss)
    if (after.phase === before.phase && after.owns === before.owns) return
    if (isOver(after)) this.#stop.abort(new Error('over'))
    const changed = this.#changed
    this.#changed = Promise.withResolvers()
    changed.resolve()
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stop.signal.aborted) return
    await this.#options.clock.sleep(ms, this.#stop.signal).catch(() => {})
  }
}
