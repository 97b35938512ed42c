import { TidemarkError } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { type Owner, ownerText } from './assignment.ts'
import { GroupMember } from './group-member.ts'
import { GroupRequests } from './group-requests.ts'
import { type Loss, timingOf } from './membership.ts'

export interface OwnershipOptions {
  readonly cluster: Cluster
  readonly job: string
  readonly group: string
  /** The session timeout; brokers refuse less than their group.min.session.timeout.ms, 6 s by default. */
  readonly leaseMs: number
  /** False: ERR_JOB_RUNNING if another process owns. */
  readonly wait: boolean
  readonly host: string
  readonly pid: number
  /** Gives up waiting. */
  readonly signal: AbortSignal | null
  /** Told who runs, while this process waits. */
  readonly onWaiting: (text: string) => void
}

const BEAT_MS = 500
const LEAVE_MS = 2000
const PATIENCE_MS = 60_000

/** The right to run a job's tasks: had by one process of those that ask for it, until it gives it back or loses it. */
export class Ownership {
  /** 1 while it is held: threads look at it before they commit. */
  readonly flag: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  readonly #options: OwnershipOptions
  readonly #cell = new Int32Array(this.flag)
  readonly #lost = Promise.withResolvers<TidemarkError>()
  readonly #refused = Promise.withResolvers<never>()
  readonly #member: GroupMember
  #owner = ''
  #loss: TidemarkError | null = null

  /**
   * Settles when this process owns. Rejects with ERR_JOB_RUNNING, ERR_RUN_ENDED (the signal), and what the group refuses:
   * ERR_KAFKA_DENIED, ERR_KAFKA_REFUSED; ERR_KAFKA_NOT_READY and those of connections when no coordinator answers for a minute.
   */
  static async acquire(options: OwnershipOptions): Promise<Ownership> {
    const ownership = new Ownership(options)
    try {
      await ownership.#acquire()
    } catch (error) {
      await ownership.release()
      throw error
    }
    return ownership
  }

  private constructor(options: OwnershipOptions) {
    this.#options = options
    const { cluster, group, leaseMs, host, pid } = options
    const timing = timingOf(leaseMs)
    this.#refused.promise.catch(() => {})
    this.#member = GroupMember.start({
      port: new GroupRequests(cluster, group, timing),
      clock: cluster.clock,
      random: cluster.random,
      timing,
      beatMs: BEAT_MS,
      patienceMs: PATIENCE_MS,
      host,
      pid,
      onOther: (owner) => this.#other(owner),
      onLost: (loss) => this.#lose(loss),
    })
  }

  /** Settles with why, once, if it is lost; from that moment nothing is committed any more. */
  get lost(): Promise<TidemarkError> {
    return this.#lost.promise
  }

  /** Its name in the group. */
  get member(): string {
    return this.#member.member
  }

  /** It has been had, and not been lost or given back. */
  get isHeld(): boolean {
    return Atomics.load(this.#cell, 0) !== 0
  }

  /** ERR_LEASE_LOST. To be called right before whatever would fence a rightful owner. */
  assertHeld(): void {
    if (this.#loss !== null) throw this.#loss
    if (!this.#member.owns) throw this.#lossError('expired')
  }

  /** Gives it back: all that runs by it must have stopped. */
  async release(): Promise<void> {
    Atomics.store(this.#cell, 0, 0)
    // Without an answer the session ends by itself.
    const limit = new AbortController()
    const late = this.#options.cluster.clock.sleep(LEAVE_MS, limit.signal).catch(() => {})
    await Promise.race([this.#member.leave('the run has ended'), late])
    limit.abort()
  }

  async #acquire(): Promise<void> {
    const { signal, job } = this.#options
    const stop = (): void => {
      const text = `job ${job} was not run: the wait for the process that runs it was ended`
      this.#refused.reject(new TidemarkError('ERR_RUN_ENDED', text))
    }
    if (signal?.aborted === true) stop()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      await Promise.race([this.#member.granted, this.#refused.promise])
    } finally {
      signal?.removeEventListener('abort', stop)
    }
    // It may be lost again by now: then `lost` tells.
    if (this.#loss === null) Atomics.store(this.#cell, 0, 1)
  }

  #other(owner: Owner): void {
    const { wait, job, group, onWaiting } = this.#options
    if (owner.member === this.#owner) return
    this.#owner = owner.member
    const who = `job ${job} is run by ${ownerText(owner)}`
    if (wait) return onWaiting(`${who}. This process waits as a spare, and takes over when that one ends.`)
    const text = `${who}. Stop it first, or let this one wait.`
    const { member, host, pid, sinceMs } = owner
    this.#refused.reject(
      new TidemarkError('ERR_JOB_RUNNING', text, { details: { job, group, member, host, pid, sinceMs } }),
    )
  }

  #lose(loss: Loss): void {
    Atomics.store(this.#cell, 0, 0)
    this.#loss = this.#lossError(loss)
    this.#lost.resolve(this.#loss)
  }

  #lossError(loss: Loss): TidemarkError {
    const { group, leaseMs, job } = this.#options
    const why = {
      expired:
        `no coordinator of group "${group}" has answered this process within its lease of ${leaseMs / 1000} s ` +
        '(the brokers were away, or the process stood still)',
      removed: `group "${group}" has dropped this process: it was not heard of for ${leaseMs / 1000} s`,
      replaced: `group "${group}" has given the tasks to another process`,
    }
    const text = `${why[loss]}. It has stopped the tasks of job ${job}, since another process may run them now. Nothing that was committed is lost; run it again, and it waits for its turn.`
    return new TidemarkError('ERR_LEASE_LOST', text, { details: { job, group, loss, leaseMs } })
  }
}
