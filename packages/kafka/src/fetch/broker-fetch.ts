import type { Cluster } from '../net/cluster.ts'
import type { LaneName } from '../net/lane.ts'
import { fetchRecords, type FetchedPartition as Answer, type FetchResponse } from '../wire/fetch.ts'
import type { Limits } from './fetch-options.ts'
import { FetchSession, type Wanted } from './fetch-session.ts'
import type { FetchedPartition } from './fetched-partition.ts'

/** What the fetcher does with what a broker says. */
export interface BrokerEvents {
  onAnswer(partition: FetchedPartition, answer: Answer): void
  /** The request failed: nothing is known of any of these partitions. */
  onLost(partitions: readonly FetchedPartition[], error: Error): void
  bufferedBytes(): number
  /** The connection of this fetcher alone. */
  readonly lane: LaneName
}

/** How long a broker may wait for data while a partition was left out for a full buffer: it is wanted again soon. */
const SHORT_WAIT_MS = 10
/** An answer without room for a batch would bring nothing. */
const LEAST_ANSWER_BYTES: number = 1024 * 1024

/**
 * Fetches from one broker the partitions that it leads: one request is under way while what the last one brought is
 * processed. (More would not help: a broker takes the requests of a connection one after the other.)
 */
export class BrokerFetch {
  readonly node: number
  readonly #cluster: Cluster
  readonly #readCommitted: boolean
  readonly #limits: Limits
  readonly #events: BrokerEvents
  readonly #session = new FetchSession<FetchedPartition>()
  readonly #partitions = new Set<FetchedPartition>()
  #underWay = false
  #due = false
  #closed = false

  constructor(node: number, cluster: Cluster, readCommitted: boolean, limits: Limits, events: BrokerEvents) {
    this.node = node
    this.#cluster = cluster
    this.#readCommitted = readCommitted
    this.#limits = limits
    this.#events = events
  }

  get size(): number {
    return this.#partitions.size
  }

  add(partition: FetchedPartition): void {
    this.#partitions.add(partition)
    this.pumpSoon()
  }

  remove(partition: FetchedPartition): void {
    this.#partitions.delete(partition)
  }

  close(): void {
    this.#closed = true
    this.#partitions.clear()
  }

  /** Asks for more at the end of this turn: readers that seek one after the other get one request. */
  pumpSoon(): void {
    if (this.#due || this.#underWay) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      this.pump()
    })
  }

  /** Asks for more, unless a request is under way or nothing has room. */
  pump(): void {
    if (this.#underWay || this.#closed) return
    const { wanted, leftOut } = this.#wanted()
    if (wanted.size === 0) return
    const { maxWaitMs, requestMaxBytes, bufferBytes } = this.#limits
    const room = Math.max(LEAST_ANSWER_BYTES, bufferBytes - this.#events.bufferedBytes())
    this.#underWay = true
    const request = {
      maxWaitMs: leftOut ? Math.min(SHORT_WAIT_MS, maxWaitMs) : maxWaitMs,
      minBytes: 1,
      maxBytes: Math.min(requestMaxBytes, room),
      readCommitted: this.#readCommitted,
      ...this.#session.next(wanted),
    }
    this.#cluster.request(this.node, fetchRecords, request, this.#events.lane).then(
      (answer) => this.#onAnswer(answer),
      (error: Error) => this.#onError(error),
    )
  }

  #wanted(): { readonly wanted: Map<FetchedPartition, Wanted>; readonly leftOut: boolean } {
    const { partitionMaxBytes, partitionBufferBytes, bufferBytes } = this.#limits
    const full = this.#events.bufferedBytes() >= bufferBytes
    const wanted = new Map<FetchedPartition, Wanted>()
    let leftOut = false
    for (const each of this.#partitions) {
      const { bufferedBytes, topicId } = each
      each.leftOut = bufferedBytes >= partitionBufferBytes || (full && bufferedBytes > 0)
      if (each.leftOut) leftOut = true
      if (each.leftOut || topicId === null) continue
      const { partition, leaderEpoch, fetchOffset: offset, lastFetchedEpoch } = each
      wanted.set(each, { topicId, partition, leaderEpoch, offset, lastFetchedEpoch, maxBytes: partitionMaxBytes })
    }
    return { wanted, leftOut }
  }

  #onAnswer(answer: FetchResponse): void {
    this.#underWay = false
    if (this.#closed) return
    // While it is shared out, so that what nobody takes a part of is free at the end.
    const { memory } = this.#cluster
    const whole = answer.partitions[0]?.records
    if (whole !== undefined) memory.keep(whole)
    if (this.#session.answered(answer.error, answer.sessionId)) {
      for (const each of answer.partitions) {
        const partition = this.#find(each)
        // One that was moved by a seek, or given to another broker, wants something else by now.
        const asked = partition === null ? undefined : this.#session.asked(partition)
        if (partition === null || asked?.offset !== partition.fetchOffset) continue
        if (asked.leaderEpoch === partition.leaderEpoch) this.#events.onAnswer(partition, each)
      }
    }
    if (whole !== undefined) memory.release(whole)
    this.pump()
  }

  #find(answer: Answer): FetchedPartition | null {
    for (const each of this.#partitions) {
      if (each.partition === answer.partition && each.topicId === answer.topicId) return each
    }
    return null
  }

  #onError(error: Error): void {
    this.#underWay = false
    this.#session.lost()
    if (!this.#closed) this.#events.onLost([...this.#partitions], error)
  }
}
