import { hostname } from 'node:os'
import {
  DirectoryLock,
  isTidemarkError,
  nodeDisk,
  nodeProcesses,
  type SystemContext,
  TidemarkError,
} from 'tidemark/system'
import { GroupRequests } from '../cluster/group-requests.ts'
import { forgetLastMember, readLastMember, writeLastMember } from '../cluster/last-member.ts'
import { Ownership } from '../cluster/ownership.ts'
import type { Cluster } from '../net/cluster.ts'
import type { KafkaOptions } from '../options.ts'
import { clusterGroup } from './topic-names.ts'

const DEFAULT_LEASE_MS = 6000
const LEAST_LEASE_MS = 1000

/** What a run holds while it lasts: the job's tasks, and the data directory. */
export class Possession {
  readonly ownership: Ownership
  readonly #lock: DirectoryLock
  readonly #directory: string

  constructor(ownership: Ownership, lock: DirectoryLock, directory: string) {
    this.ownership = ownership
    this.#lock = lock
    this.#directory = directory
  }

  /** In this order: who is next may open the same directory. */
  async release(): Promise<void> {
    forgetLastMember(nodeDisk, this.#directory)
    this.#lock.release()
    await this.ownership.release()
  }
}

/**
 * Waits until this process is the one that runs the job, and takes its data directory. Spares of one machine may name the
 * same directory: the next gets it with the tasks. ERR_DATA_DIR_LOCKED, and what Ownership.acquire rejects with.
 */
export async function takeOwnership(
  options: KafkaOptions,
  context: SystemContext,
  cluster: Cluster,
): Promise<Possession> {
  const { directory, job, onWarning, signal } = context
  const group = options.clusterGroup ?? clusterGroup(job)
  const leaseMs = leaseOf(options)
  const machine = `${hostname()} ${nodeProcesses.identity(nodeProcesses.pid)?.split('/')[0] ?? ''}`
  let lock = freeLock(directory)
  try {
    if (lock !== null) await leaveForDead(cluster, group, leaseMs, directory, machine)
    const ownership = await Ownership.acquire({
      cluster,
      job,
      group,
      leaseMs,
      wait: options.wait ?? true,
      host: hostname(),
      pid: nodeProcesses.pid,
      signal,
      onWaiting: onWarning,
    })
    try {
      lock ??= DirectoryLock.acquire(nodeDisk, directory, nodeProcesses)
      writeLastMember(nodeDisk, directory, { group, member: ownership.member, machine })
      return new Possession(ownership, lock, directory)
    } catch (error) {
      await ownership.release()
      throw error
    }
  } catch (error) {
    lock?.release()
    throw error
  }
}

/** The lock, unless somebody has it: that may be who runs the job, and its spare has it afterwards. */
function freeLock(directory: string): DirectoryLock | null {
  try {
    return DirectoryLock.acquire(nodeDisk, directory, nodeProcesses)
  } catch (error) {
    if (isTidemarkError(error, 'ERR_DATA_DIR_LOCKED')) return null
    throw error
  }
}

/** The lock is had, so the process that had it is gone: the group need not wait until that one's lease ends. */
async function leaveForDead(
  cluster: Cluster,
  group: string,
  leaseMs: number,
  directory: string,
  machine: string,
): Promise<void> {
  const member = readLastMember(nodeDisk, directory, group, machine)
  if (member === null) return
  const requests = new GroupRequests(cluster, group, { leaseMs, rebalanceMs: leaseMs, marginMs: 0 })
  await requests.leave(member, 'its process has ended')
  forgetLastMember(nodeDisk, directory)
}

function leaseOf({ leaseMs = DEFAULT_LEASE_MS }: KafkaOptions): number {
  if (Number.isInteger(leaseMs) && leaseMs >= LEAST_LEASE_MS && leaseMs < 2 ** 31) return leaseMs
  throw new TidemarkError(
    'ERR_KAFKA_OPTION',
    `leaseMs is ${leaseMs}: it must be a whole number from ${LEAST_LEASE_MS} on`,
  )
}
