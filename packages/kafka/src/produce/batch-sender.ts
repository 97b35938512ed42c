import { isTidemarkError, TidemarkError, type Clock } from 'tidemark/system'
import type { ClusterPort } from '../cluster-port.ts'
import { refusal } from '../net/kafka-errors.ts'
import { mayRetry } from '../net/retry.ts'
import type { TopicPartitions } from '../wire/api.ts'
import { produce, type ProducedPartition, type ProducePartition } from '../wire/produce.ts'
import { PartitionLine, type Sending } from './partition-line.ts'
import { refusedRecord } from './refused-record.ts'
import { type Verdict, verdictOf } from './verdict.ts'
import { waitMs } from './waits.ts'

/** Requests in flight on the connection to a broker. */
const MOST_REQUESTS = 5
/** A request takes no more partitions once it has so many bytes. */
const FULL_REQUEST_BYTES = 8 * 1024 * 1024

/** In place of a leader while the cluster is asked for it; no broker has this id. */
const LOOKING = -2

export interface SenderOptions {
  readonly cluster: ClusterPort
  readonly clock: Clock
  /** Null: a producer that is idempotent only. */
  readonly transactionalId: string | null
  /** How long a broker may wait for its replicas, ms. */
  readonly ackTimeoutMs?: number
}

/** Why a batch was given up. */
export class SendFailure extends Error {
  readonly verdict: Exclude<Verdict, 'ok'> | 'deadline'
  override readonly cause: TidemarkError

  constructor(verdict: Exclude<Verdict, 'ok'> | 'deadline', cause: TidemarkError) {
    super(cause.message)
    this.verdict = verdict
    this.cause = cause
  }
}

interface Flight {
  readonly line: PartitionLine
  readonly sending: Sending
}

/**
 * Sends stamped batches to the leaders of their partitions: one batch per partition and request, several partitions a
 * request, several requests in flight, in order. What fails and may succeed is sent again with the same sequence, and
 * everything behind it too, until the deadline that `send` was given. Never two senders for one producer and partition.
 */
export class BatchSender {
  readonly #options: SenderOptions
  readonly #lines = new Map<string, PartitionLine>()
  readonly #requests = new Map<number, number>()
  #deadlineMs = Number.POSITIVE_INFINITY
  #pumping = false

  constructor(options: SenderOptions) {
    this.#options = options
  }

  /** Ms of the monotone clock at which all that is on its way and fails is given up. */
  set deadlineMs(atMs: number) {
    this.#deadlineMs = atMs
  }

  /**
   * Settles with the base offset once all in-sync replicas have the batch (-1 if it was there already and the broker does
   * not say where). Rejects with a SendFailure; then everything behind it of the partition is rejected as well.
   */
  send(topic: string, partition: number, batch: Uint8Array): Promise<number> {
    const key = `${partition} ${topic}`
    let line = this.#lines.get(key)
    if (line === undefined) {
      line = new PartitionLine(topic, partition)
      this.#lines.set(key, line)
    }
    const known = line
    return new Promise((resolve, reject) => {
      known.add({ batch, resolve, reject })
      this.#pump()
    })
  }

  /** Gives up all that is on its way; answers that still come are not looked at. */
  drop(error: SendFailure): void {
    for (const line of this.#lines.values()) for (const { reject } of line.drop()) reject(error)
    this.#lines.clear()
  }

  /** Sends soon, so that the batches of one call share requests. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      this.#sendAll()
    })
  }

  #sendAll(): void {
    const byNode = new Map<number, PartitionLine[]>()
    for (const line of this.#lines.values()) {
      if (line.isEmpty || line.isRecovering || line.leader === LOOKING) continue
      if (line.leader === null) {
        void this.#locate(line)
        continue
      }
      const lines = byNode.get(line.leader)
      if (lines === undefined) byNode.set(line.leader, [line])
      else lines.push(line)
    }
    for (const [node, lines] of byNode) while (this.#sendOne(node, lines));
  }

  /** Sends one request to the node; false if there is nothing for it, or enough in flight. */
  #sendOne(node: number, lines: readonly PartitionLine[]): boolean {
    const busy = this.#requests.get(node) ?? 0
    if (busy >= MOST_REQUESTS) return false
    const flights: Flight[] = []
    const topics = new Map<string, ProducePartition[]>()
    let bytes = 0
    for (const line of lines) {
      if (bytes >= FULL_REQUEST_BYTES) break
      const sending = line.take()
      if (sending === null) continue
      bytes += sending.batch.length
      flights.push({ line, sending })
      const entry = { partition: line.partition, batch: [sending.batch] }
      const entries = topics.get(line.topic)
      if (entries === undefined) topics.set(line.topic, [entry])
      else entries.push(entry)
    }
    if (flights.length === 0) return false
    this.#requests.set(node, busy + 1)
    void this.#exchange(node, flights, topics)
    return true
  }

  async #exchange(node: number, flights: readonly Flight[], topics: Map<string, ProducePartition[]>): Promise<void> {
    const { cluster, transactionalId, ackTimeoutMs = 30_000 } = this.#options
    const q = {
      transactionalId,
      timeoutMs: ackTimeoutMs,
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    }
    try {
      const answer = await cluster.request(node, produce, q, 'produce')
      this.#take(flights, answer)
    } catch (error) {
      for (const flight of flights) this.#failed(flight, mayRetry(error) ? 'again' : 'refused', asTidemark(error))
    }
    this.#requests.set(node, (this.#requests.get(node) ?? 1) - 1)
    // Whether the last answer of a line was good or bad: what failed before waits for it.
    for (const { line } of flights) if (line.isRecovering && line.inFlight === 0) void this.#recover(line)
    this.#pump()
  }

  #take(flights: readonly Flight[], answer: readonly TopicPartitions<ProducedPartition>[]): void {
    const answers = new Map<string, ProducedPartition>()
    for (const { topic, partitions } of answer) for (const p of partitions) answers.set(`${p.partition} ${topic}`, p)
    for (const flight of flights) {
      const { line, sending } = flight
      const found = answers.get(`${line.partition} ${line.topic}`)
      const verdict = found === undefined ? 'again' : verdictOf(found.error)
      if (found !== undefined && verdict === 'ok') {
        line.acknowledge(sending)
        sending.resolve(found.baseOffset)
      } else if (verdict !== 'ok') {
        this.#failed(flight, verdict, produceError(line, sending, found, verdict))
      }
    }
  }

  #failed({ line, sending }: Flight, verdict: Exclude<Verdict, 'ok'>, error: TidemarkError): void {
    const place = line.fail(sending)
    if (place === 'dropped') return
    // A batch that came before the one it follows is a consequence: what it follows tells why.
    const mayGoOn = verdict === 'again' || (verdict === 'order' && place === 'later')
    if (!mayGoOn) return this.#giveUp(line, new SendFailure(verdict, error))
    const { clock, cluster } = this.#options
    cluster.forgetTopic(line.topic)
    line.leader = null
    if (clock.monotonicMs() + waitMs(line.failures) <= this.#deadlineMs) return
    this.#giveUp(line, new SendFailure('deadline', error))
  }

  #giveUp(line: PartitionLine, failure: SendFailure): void {
    for (const { reject } of line.drop()) reject(failure)
  }

  async #recover(line: PartitionLine): Promise<void> {
    await this.#options.clock.sleep(waitMs(Math.max(1, line.failures)))
    if (!line.isRecovering) return
    line.recover()
    this.#pump()
  }

  async #locate(line: PartitionLine): Promise<void> {
    const { cluster, clock } = this.#options
    // Until the answer is here nothing of the line is sent, nor asked again.
    line.leader = LOOKING
    try {
      line.leader = (await cluster.leader(line.topic, line.partition)).node
    } catch (error) {
      line.failures++
      const wait = waitMs(line.failures)
      if (!mayRetry(error)) this.#giveUp(line, new SendFailure('refused', asTidemark(error)))
      else if (clock.monotonicMs() + wait > this.#deadlineMs)
        this.#giveUp(line, new SendFailure('deadline', asTidemark(error)))
      else await clock.sleep(wait)
      line.leader = null
    }
    this.#pump()
  }
}

function produceError(
  line: PartitionLine,
  sending: Sending,
  answer: ProducedPartition | undefined,
  verdict: Verdict,
): TidemarkError {
  const { topic, partition } = line
  const what = `Produce to stream "${topic}", partition ${partition}`
  if (answer === undefined) {
    return new TidemarkError(
      'ERR_KAFKA_PROTOCOL',
      `${what} has no answer for the partition. Look at the broker's log.`,
      {
        details: { stream: topic, partition },
      },
    )
  }
  if (verdict === 'refused') return refusedRecord(topic, partition, sending.batch, answer)
  return refusal(what, answer.error, answer.message, { stream: topic, partition })
}

function asTidemark(error: unknown): TidemarkError {
  if (isTidemarkError(error)) return error
  return new TidemarkError('ERR_INVARIANT', `producing failed by itself: ${String(error)}. Please report this.`, {
    cause: error,
  })
}
