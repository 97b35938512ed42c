import { isTidemarkError, TidemarkError } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import { mayRetry } from '../net/retry.ts'
import type { Api } from '../wire/api.ts'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from '../wire/group-membership.ts'
import { PROTOCOL, PROTOCOL_TYPE } from './assignment.ts'
import type { GroupAnswer, GroupPort, JoinAnswer, SyncAnswer } from './group-member.ts'
import type { MembershipTiming, Verdict } from './membership.ts'

const LEAVE_TIMEOUT_MS = 2000
/** JoinGroup is answered when the rebalance is over. */
const SLACK_MS = 5000

const VERDICTS: Readonly<Record<string, Verdict>> = {
  ILLEGAL_GENERATION: 'stale-generation',
  UNKNOWN_MEMBER_ID: 'unknown-member',
  REBALANCE_IN_PROGRESS: 'rebalance',
  MEMBER_ID_REQUIRED: 'named',
}

/** The requests of one group to its coordinator. Heartbeats have a connection of their own: a JoinGroup may wait long. */
export class GroupRequests implements GroupPort {
  readonly #cluster: Cluster
  readonly #group: string
  readonly #timing: MembershipTiming

  constructor(cluster: Cluster, group: string, timing: MembershipTiming) {
    this.#cluster = cluster
    this.#group = group
    this.#timing = timing
  }

  async join(member: string, metadata: Uint8Array): Promise<JoinAnswer> {
    const { leaseMs, rebalanceMs } = this.#timing
    const q = {
      group: this.#group,
      sessionTimeoutMs: leaseMs,
      rebalanceTimeoutMs: rebalanceMs,
      member,
      protocolType: PROTOCOL_TYPE,
      protocols: [{ name: PROTOCOL, metadata }],
      reason: null,
    }
    const { answer, ...said } = await this.#ask('JoinGroup', joinGroup, q, 'group', rebalanceMs + SLACK_MS)
    if (answer === null) return { ...said, member: '', generation: -1, leads: false, members: [] }
    const { generation, leader, members } = answer
    return { ...said, member: answer.member, generation, leads: leader === answer.member, members }
  }

  async sync(
    member: string,
    generation: number,
    assignments: readonly { readonly member: string; readonly assignment: Uint8Array }[],
  ): Promise<SyncAnswer> {
    const group = this.#group
    const q = { group, generation, member, protocolType: PROTOCOL_TYPE, protocol: PROTOCOL, assignments }
    const within = this.#timing.rebalanceMs + SLACK_MS
    const { answer, ...said } = await this.#ask('SyncGroup', syncGroup, q, 'group', within)
    return { ...said, assignment: answer?.assignment ?? new Uint8Array(0) }
  }

  async beat(member: string, generation: number): Promise<GroupAnswer> {
    const q = { group: this.#group, generation, member }
    const { verdict, error } = await this.#ask('Heartbeat', heartbeat, q, 'heartbeat', this.#timing.leaseMs / 3)
    return { verdict, error }
  }

  /** Once, and no longer than two seconds: the session ends by itself. */
  async leave(member: string, reason: string): Promise<void> {
    await this.#ask('LeaveGroup', leaveGroup, { group: this.#group, member, reason }, 'heartbeat', LEAVE_TIMEOUT_MS)
  }

  async #ask<Q, R extends { readonly error: number }>(
    name: string,
    api: Api<Q, R>,
    q: Q,
    lane: 'group' | 'heartbeat',
    withinMs: number,
  ): Promise<GroupAnswer & { readonly answer: R | null }> {
    const cluster = this.#cluster
    let node: number | null = null
    try {
      // Not behind what the run asks of a broker: that may take long, and a lease is short.
      node = await cluster.coordinator('group', this.#group, 'heartbeat')
      const answer = await cluster.request(node, api, q, lane, withinMs)
      return { answer, ...this.#verdict(name, answer.error) }
    } catch (cause) {
      cluster.forgetCoordinator('group', this.#group)
      // What waits on the other connection to the same broker may wait for nothing.
      if (node !== null && lane === 'heartbeat') cluster.dropLane(node, 'group')
      const error = isTidemarkError(cause) ? cause : asDefect(name, cause)
      return { answer: null, verdict: mayRetry(error) ? 'again' : 'refused', error }
    }
  }

  #verdict(name: string, code: number): GroupAnswer {
    if (code === 0) return { verdict: 'ok', error: null }
    const known = VERDICTS[kafkaError(code).name]
    if (known !== undefined) return { verdict: known, error: null }
    const error = refusal(`${name} of group "${this.#group}"`, code, hint(code), { group: this.#group })
    if (mayRetry(error)) this.#cluster.forgetCoordinator('group', this.#group)
    return { verdict: mayRetry(error) ? 'again' : 'refused', error }
  }
}

function hint(code: number): string | null {
  switch (kafkaError(code).name) {
    case 'INVALID_SESSION_TIMEOUT':
      return 'leaseMs must lie between group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers'
    case 'INCONSISTENT_GROUP_PROTOCOL':
      return 'the group has members that are no Tidemark, or of another version'
    default:
      return null
  }
}

function asDefect(name: string, cause: unknown): TidemarkError {
  return new TidemarkError('ERR_INVARIANT', `${name} failed by itself: ${String(cause)}. Please report this.`, {
    cause,
  })
}
