import { TidemarkError, type StreamReader } from 'tidemark/system'
import { topicMissing } from '../net/cluster.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import { Backoff, mayRetry } from '../net/retry.ts'
import type { FetchedPartition as Answer } from '../wire/fetch.ts'
import type { TopicMetadata } from '../wire/metadata.ts'
import { BrokerFetch, type BrokerEvents } from './broker-fetch.ts'
import { limitsOf, type FetcherOptions, type Limits, type OutOfRangePolicy } from './fetch-options.ts'
import { FetchedPartition, type PartitionEvents } from './fetched-partition.ts'
import { findRange, outOfRange, truncated } from './out-of-range.ts'

const OFFSET_OUT_OF_RANGE = 1
const UNKNOWN_TOPIC = 3
const FIRST_WAIT_MS = 30
const MOST_WAIT_MS = 1000

/**
 * Fetches partitions of one cluster for one container, on its thread. Readers are synchronous: they give what has come and
 * never wait. Errors that pass (no leader, a broker that is down) are repaired here; others are thrown by the reader.
 */
export class Fetcher {
  readonly #options: FetcherOptions
  readonly #limits: Limits
  readonly #brokers = new Map<number, BrokerFetch>()
  readonly #partitions = new Set<FetchedPartition>()
  readonly #unplaced = new Set<FetchedPartition>()
  readonly #backoff: Backoff
  readonly #ended = new AbortController()
  readonly #partitionEvents: PartitionEvents
  readonly #brokerEvents: BrokerEvents
  #placing = false
  #dataDue = false

  constructor(options: FetcherOptions) {
    this.#options = options
    this.#limits = limitsOf(options)
    this.#backoff = new Backoff({ firstMs: FIRST_WAIT_MS, mostMs: MOST_WAIT_MS, random: options.cluster.random })
    this.#partitionEvents = {
      onSeek: (partition) => this.#onSeek(partition),
      onRoom: (partition) => this.#brokers.get(partition.node)?.pumpSoon(),
      onClose: (partition) => this.#onClose(partition),
    }
    this.#brokerEvents = {
      onAnswer: (partition, answer) => this.#onAnswer(partition, answer),
      onLost: (partitions, error) => this.#onLost(partitions, error),
      bufferedBytes: () => this.bufferedBytes,
      lane: options.cluster.newFetchLane(),
    }
  }

  /** Bytes that have come and were not read yet. */
  get bufferedBytes(): number {
    let sum = 0
    for (const { bufferedBytes } of this.#partitions) sum += bufferedBytes
    return sum
  }

  /** Reads one partition, from the first `seek` on. `policy`: by default that of the fetcher. */
  reader(
    topic: string,
    partition: number,
    policy: OutOfRangePolicy = this.#options.outOfRange,
  ): StreamReader & { readonly position: number; readonly bufferedBytes: number } {
    const reader = new FetchedPartition(topic, partition, this.#partitionEvents, policy, this.#options.cluster.memory)
    this.#partitions.add(reader)
    return reader
  }

  /** Closes all readers. The cluster stays open. */
  close(): void {
    this.#ended.abort()
    for (const partition of this.#partitions) partition.close()
    for (const broker of this.#brokers.values()) broker.close()
    this.#brokers.clear()
  }

  #onSeek(partition: FetchedPartition): void {
    if (this.#ended.signal.aborted || partition.state === 'closed') return
    if (partition.state === 'placed') {
      this.#brokers.get(partition.node)?.pumpSoon()
      return
    }
    this.#unplace(partition)
  }

  #onClose(partition: FetchedPartition): void {
    this.#partitions.delete(partition)
    this.#unplaced.delete(partition)
    this.#leaveBroker(partition)
  }

  #leaveBroker(partition: FetchedPartition): void {
    this.#brokers.get(partition.node)?.remove(partition)
    partition.node = -1
  }

  /** Its leader has to be found (again). */
  #unplace(partition: FetchedPartition): void {
    this.#leaveBroker(partition)
    partition.state = 'unplaced'
    this.#unplaced.add(partition)
    if (!this.#placing) void this.#place()
  }

  async #place(): Promise<void> {
    this.#placing = true
    const { cluster } = this.#options
    const { signal } = this.#ended
    // Readers that are made in one turn are looked up together.
    await Promise.resolve()
    while (this.#unplaced.size > 0 && !signal.aborted) {
      const refresh = [...this.#unplaced].some(({ recovering }) => recovering)
      if (refresh) await cluster.clock.sleep(this.#backoff.nextMs(), signal).catch(() => {})
      if (signal.aborted) break
      const topics = new Set([...this.#unplaced].map(({ topic }) => topic))
      try {
        this.#placeBy(await cluster.metadata([...topics], refresh))
      } catch (error) {
        for (const each of this.#unplacedNow()) {
          each.recovering = true
          if (!mayRetry(error)) this.#fail(each, error as Error)
        }
      }
    }
    this.#placing = false
  }

  /** A copy: whoever is told of a failure may seek, and so put it back. */
  #unplacedNow(): readonly FetchedPartition[] {
    return [...this.#unplaced]
  }

  #placeBy(topics: readonly TopicMetadata[]): void {
    for (const topic of topics) {
      for (const partition of this.#unplacedNow()) if (partition.topic === topic.name) this.#placeOne(partition, topic)
    }
  }

  #placeOne(partition: FetchedPartition, topic: TopicMetadata): void {
    const found = topic.partitions.find((each) => each.partition === partition.partition)
    const isOther = partition.topicId !== null && topic.error === 0 && partition.topicId !== topic.id
    partition.recovering = true
    if (topic.error === UNKNOWN_TOPIC || isOther || (topic.error === 0 && found === undefined)) {
      return this.#onMissing(partition, isOther)
    }
    if (topic.error !== 0 && kafkaError(topic.error).remedy === 'denied') {
      return this.#fail(
        partition,
        refusal(`Metadata of stream "${topic.name}"`, topic.error, null, { stream: topic.name }),
      )
    }
    partition.missingSinceMs = null
    if (found === undefined || found.leader < 0) return
    partition.topicId = topic.id
    partition.node = found.leader
    partition.leaderEpoch = found.leaderEpoch
    partition.state = 'placed'
    this.#unplaced.delete(partition)
    this.#broker(found.leader).add(partition)
  }

  /** Brokers that have just started may not know a topic yet: it counts as deleted after a time. */
  #onMissing(partition: FetchedPartition, isOther: boolean): void {
    const { topic, topicId } = partition
    const nowMs = this.#options.cluster.clock.monotonicMs()
    partition.missingSinceMs ??= nowMs
    if (nowMs - partition.missingSinceMs < this.#limits.deletedGraceMs) return
    if (!isOther) return this.#fail(partition, topicMissing(topic, partition.partition))
    const text = `topic "${topic}" was deleted and made again while it was read: offsets of before mean nothing in it. Start the job anew.`
    this.#fail(partition, new TidemarkError('ERR_KAFKA_TOPIC_MISSING', text, { details: { stream: topic, topicId } }))
  }

  #broker(node: number): BrokerFetch {
    const known = this.#brokers.get(node)
    if (known !== undefined) return known
    const { cluster, readCommitted } = this.#options
    const broker = new BrokerFetch(node, cluster, readCommitted, this.#limits, this.#brokerEvents)
    this.#brokers.set(node, broker)
    return broker
  }

  #onLost(partitions: readonly FetchedPartition[], error: Error): void {
    for (const partition of partitions) {
      if (mayRetry(error)) this.#recover(partition)
      else this.#fail(partition, error)
    }
  }

  #recover(partition: FetchedPartition): void {
    partition.recovering = true
    this.#unplace(partition)
  }

  #onAnswer(partition: FetchedPartition, answer: Answer): void {
    if (answer.error !== 0) return this.#onPartitionError(partition, answer.error)
    if (answer.diverging !== null) return this.#onDiverging(partition, answer.diverging.endOffset)
    if (partition.recovering) {
      partition.recovering = false
      this.#backoff.reset()
    }
    const { readCommitted } = this.#options
    this.#publish(partition, answer.logStart, readCommitted ? answer.lastStableOffset : answer.highWatermark)
    try {
      if (partition.take(answer.records, readCommitted ? answer.aborted : null)) this.#wake()
    } catch (error) {
      this.#fail(partition, error as Error)
    }
  }

  #publish(partition: FetchedPartition, start: number, end: number): void {
    if (partition.start === start && partition.end === end) return
    partition.start = start
    partition.end = end
    this.#options.onOffsets?.(partition.topic, partition.partition, start, end)
  }

  #wake(): void {
    if (this.#dataDue || this.#options.onData === undefined) return
    this.#dataDue = true
    queueMicrotask(() => {
      this.#dataDue = false
      if (!this.#ended.signal.aborted) this.#options.onData?.()
    })
  }

  #onPartitionError(partition: FetchedPartition, error: number): void {
    if (error === OFFSET_OUT_OF_RANGE) return void this.#reset(partition)
    const { remedy } = kafkaError(error)
    if (remedy === 'retry' || remedy === 'metadata') return this.#recover(partition)
    const { topic: stream, partition: number, fetchOffset: offset } = partition
    const what = `Fetch of stream "${stream}", partition ${number}, offset ${offset},`
    this.#fail(partition, refusal(what, error, null, { stream, partition: number, offset }))
  }

  /** Asks what is there, then goes by the policy. Nothing else is fetched of the partition meanwhile. */
  async #reset(partition: FetchedPartition): Promise<void> {
    const { cluster, readCommitted } = this.#options
    const { node, outOfRange: policy } = partition
    const from = partition.fetchOffset
    this.#leaveBroker(partition)
    partition.state = 'resetting'
    const mine = (): boolean => partition.state === 'resetting' && partition.fetchOffset === from
    try {
      const range = await findRange(cluster, node, partition, readCommitted)
      if (!mine()) return
      this.#publish(partition, range.start, range.end)
      if (policy === 'fail') return this.#fail(partition, outOfRange(partition, from, range))
      this.#move(partition, policy === 'earliest' ? range.start : range.end)
    } catch (error) {
      if (!mine()) return
      if (mayRetry(error)) this.#recover(partition)
      else this.#fail(partition, error as Error)
    }
  }

  /** The log was cut at `endOffset`, below what came of it. What was not read yet is fetched again: no reader missed it. */
  #onDiverging(partition: FetchedPartition, endOffset: number): void {
    const { position, outOfRange: policy } = partition
    if (position > endOffset && policy !== 'fail') return this.#move(partition, endOffset)
    partition.goTo(position)
    if (position > endOffset) this.#fail(partition, truncated(partition, endOffset))
    else this.#recover(partition)
  }

  #move(partition: FetchedPartition, to: number): void {
    const from = partition.position
    partition.goTo(to)
    this.#options.onMoved?.(partition.topic, partition.partition, from, to)
    this.#recover(partition)
  }

  #fail(partition: FetchedPartition, error: Error): void {
    this.#unplaced.delete(partition)
    this.#leaveBroker(partition)
    partition.fail(error)
    this.#options.onFailed?.(error, partition.topic, partition.partition)
    this.#wake()
  }
}
