/**
 * One process's membership in the group `<job>.cluster`, and whether it owns the job's tasks, as a pure state machine: what
 * is known, what happened (a fact), what is known then. The protocol is that of Kafka's classic groups (JoinGroup, SyncGroup,
 * Heartbeat, LeaveGroup); the coordinator keeps members, the leader says who owns (assignment.ts).
 *
 * Why no two processes own at a time, whatever is lost, late or stopped:
 *
 * - The coordinator drops a member when it has not heard of it for `leaseMs`, or when it does not join again within
 *   `rebalanceMs` of the start of a rebalance. It counts from when it received a request, so from when the request was sent
 *   the time is shorter: an owner works until `leaseUntilMs`, which is counted from there, by its own monotonic clock.
 * - Whoever is not dropped takes part in every rebalance, and says in its JoinGroup whether it owns. The leader leaves the
 *   tasks with the owner. A process sends the next JoinGroup only when it is done with the SyncGroup before it.
 * - A heartbeat that is answered by "rebalance" keeps a member's session, but not its place in the rebalance: it renews
 *   the first of the two limits only.
 */
export type Phase =
  /** JoinGroup is to be sent, or under way. */
  | 'joining'
  /** SyncGroup is. */
  | 'syncing'
  /** Only heartbeats. */
  | 'settled'
  /** It owned, and does not any more. Final. */
  | 'lost'
  /** The group will not have it. Final. */
  | 'refused'
  /** It was asked to leave. Final. */
  | 'left'

/** Why an owner is none any more. */
export type Loss = 'expired' | 'removed' | 'replaced'

/** What became of a request. `again`: no answer, or one that is of no use; the same may be asked again. */
export type Verdict = 'ok' | 'rebalance' | 'stale-generation' | 'unknown-member' | 'named' | 'again' | 'refused'

export type Fact =
  | {
      readonly kind: 'joined'
      readonly verdict: Verdict
      /** Of the answer: the member's own name. Empty without an answer. */
      readonly member: string
      readonly generation: number
      readonly leads: boolean
      readonly sentMs: number
    }
  | {
      readonly kind: 'synced'
      readonly verdict: Verdict
      /** The member that owns. */
      readonly owner: string
      readonly sentMs: number
    }
  | { readonly kind: 'beat'; readonly verdict: Verdict; readonly generation: number; readonly sentMs: number }
  /** Time has passed. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'leave' }

export interface Membership {
  readonly phase: Phase
  /** Empty: it has no name yet. */
  readonly member: string
  /** -1: not in a generation. */
  readonly generation: number
  /** It says who owns, in this generation. */
  readonly leads: boolean
  readonly owns: boolean
  readonly loss: Loss | null
  /** When the last request was sent that kept the session. Monotonic ms. */
  readonly aliveMs: number
  /** When the last request was sent that was answered while no rebalance was open. */
  readonly stableMs: number
}

export interface MembershipTiming {
  /** The session timeout of the group. */
  readonly leaseMs: number
  readonly rebalanceMs: number
  /** An owner stops so long before its lease ends: stopping takes time. */
  readonly marginMs: number
}

/** A member that has died is dropped after its lease; one that lives and does not join again, after this at the least. */
const REBALANCE_MS = 60_000

/** Of a lease. The time for a rebalance is no shorter: an owner that hears nothing works no longer than either. */
export function timingOf(leaseMs: number): MembershipTiming {
  return { leaseMs, rebalanceMs: Math.max(REBALANCE_MS, leaseMs), marginMs: leaseMs / 12 }
}

export const OUTSIDE: Membership = {
  phase: 'joining',
  member: '',
  generation: -1,
  leads: false,
  owns: false,
  loss: null,
  aliveMs: Number.NEGATIVE_INFINITY,
  stableMs: Number.NEGATIVE_INFINITY,
}

/** Until when nobody else is made owner. Monotonic ms of this process. */
export function leaseUntilMs({ aliveMs, stableMs }: Membership, { leaseMs, rebalanceMs }: MembershipTiming): number {
  return Math.min(aliveMs + leaseMs, stableMs + rebalanceMs)
}

/** When an owner has to stop, unless it hears from the coordinator before. */
export function stopAtMs(membership: Membership, timing: MembershipTiming): number {
  return leaseUntilMs(membership, timing) - timing.marginMs
}

export function isOver({ phase }: Membership): boolean {
  return phase === 'lost' || phase === 'refused' || phase === 'left'
}

/** What is known after a fact that came at `nowMs`. Total: a fact that comes too late to matter changes nothing. */
export function afterFact(before: Membership, fact: Fact, nowMs: number, timing: MembershipTiming): Membership {
  if (isOver(before)) return before
  if (fact.kind === 'leave') return { ...before, phase: 'left', owns: false }
  // Whatever the fact says, it comes too late for an owner that should have stopped by now.
  if (before.owns && nowMs >= stopAtMs(before, timing)) return lost(before, 'expired')
  switch (fact.kind) {
    case 'tick':
      return before
    case 'joined':
      return before.phase === 'joining' ? afterJoin(before, fact) : before
    case 'synced':
      return before.phase === 'syncing' ? afterSync(before, fact, nowMs, timing) : before
    case 'beat':
      return fact.generation === before.generation ? afterBeat(before, fact) : before
  }
}

function afterJoin(before: Membership, fact: Fact & { readonly kind: 'joined' }): Membership {
  switch (fact.verdict) {
    case 'ok': {
      const { member, generation, leads, sentMs } = fact
      return { ...renewed(before, sentMs, true), phase: 'syncing', member, generation, leads }
    }
    case 'named':
      return { ...before, member: fact.member }
    case 'unknown-member':
      return outside(before)
    case 'refused':
      return refused(before)
    default:
      return before
  }
}

function afterSync(
  before: Membership,
  fact: Fact & { readonly kind: 'synced' },
  nowMs: number,
  timing: MembershipTiming,
): Membership {
  switch (fact.verdict) {
    case 'ok': {
      const settled: Membership = { ...renewed(before, fact.sentMs, true), phase: 'settled' }
      if (fact.owner !== before.member) return before.owns ? lost(settled, 'replaced') : settled
      if (before.owns) return settled
      // An answer that took so long may be about the past: it is asked once more, without being owner.
      return nowMs < stopAtMs(settled, timing) ? { ...settled, owns: true } : { ...settled, phase: 'joining' }
    }
    case 'rebalance':
    case 'stale-generation':
    case 'named':
      return { ...before, phase: 'joining' }
    case 'unknown-member':
      return outside(before)
    case 'refused':
      return refused(before)
    case 'again':
      return before
  }
}

function afterBeat(before: Membership, fact: Fact & { readonly kind: 'beat' }): Membership {
  const { phase } = before
  switch (fact.verdict) {
    case 'ok':
      return renewed(before, fact.sentMs, phase === 'settled')
    case 'rebalance':
      return { ...renewed(before, fact.sentMs, false), phase: phase === 'settled' ? 'joining' : phase }
    case 'stale-generation':
      return phase === 'settled' ? { ...before, phase: 'joining' } : before
    case 'unknown-member':
      return outside(before)
    case 'refused':
      return refused(before)
    default:
      return before
  }
}

function renewed(before: Membership, sentMs: number, isStable: boolean): Membership {
  return {
    ...before,
    aliveMs: Math.max(before.aliveMs, sentMs),
    stableMs: isStable ? Math.max(before.stableMs, sentMs) : before.stableMs,
  }
}

/** The coordinator does not know the member: it has been dropped, and another may own by now. */
function outside(before: Membership): Membership {
  return before.owns ? lost(before, 'removed') : OUTSIDE
}

function lost(before: Membership, loss: Loss): Membership {
  return { ...before, phase: 'lost', owns: false, loss }
}

function refused(before: Membership): Membership {
  return before.owns ? lost(before, 'removed') : { ...before, phase: 'refused' }
}
