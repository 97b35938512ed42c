import { setTimeout as sleep } from 'node:timers/promises'
import {
  BatchEncoder,
  batchHeader,
  RecordCursor,
  seededRandom,
  systemClock,
  type StreamReader,
  type WriteCodec,
} from 'tidemark/system'
import { Fetcher } from '../../src/fetch/fetcher.ts'
import type { FetcherOptions } from '../../src/fetch/fetch-options.ts'
import { settledTopic } from '../../src/host/topics.ts'
import { Cluster } from '../../src/net/cluster.ts'
import { refusal } from '../../src/net/kafka-errors.ts'
import { retrying } from '../../src/net/retry.ts'
import type { Api } from '../../src/wire/api.ts'
import { LATEST, listOffsets } from '../../src/wire/list-offsets.ts'
import { produce } from '../../src/wire/produce.ts'
import { createTopics } from '../../src/wire/topics.ts'
import { endTxn, initProducerId, type ProducerAnswer } from '../../src/wire/transactions.ts'

export function connect(brokers: string): Promise<Cluster> {
  const options = { brokers: brokers.split(','), clientId: 'test', clock: systemClock, random: seededRandom(5) }
  return Cluster.connect({ ...options, requestTimeoutMs: 5000 })
}

function patient<T>(cluster: Cluster, call: () => Promise<T>): Promise<T> {
  return retrying({ clock: cluster.clock, random: cluster.random, withinMs: 60_000 }, call)
}

/** Makes a topic, and settles when each partition has a leader. */
export async function makeTopic(
  cluster: Cluster,
  name: string,
  partitions: number,
  replicas = 1,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const q = { topics: [{ name, partitions, replicas, configs }], timeoutMs: 10_000, validateOnly: false }
  const [answer] = await cluster.request('controller', createTopics, q, 'control')
  if (answer?.error !== 0) throw refusal(`making ${name}`, answer?.error ?? -1, answer?.message ?? null)
  await settledTopic(cluster, name)
}

/** A batch whose values are 8 bytes that count up from `first`. */
export function batchOf(
  first: number,
  count: number,
  codec: WriteCodec = 'none',
  producer?: ProducerAnswer & { sequence: number },
): Uint8Array {
  const encoder = new BatchEncoder()
  const value = new Uint8Array(8)
  for (let i = 0; i < count; i++) {
    batchHeader.writeInt64(value, 0, first + i)
    encoder.append(systemClock.now(), null, 0, 0, value, 0, 8, null)
  }
  if (producer === undefined) return encoder.finish({ codec })
  const { producerId, producerEpoch, sequence } = producer
  return encoder.finish({ codec, producerId, producerEpoch, baseSequence: sequence, transactional: true })
}

/** Writes one batch, trying again while the partition has no leader. Batches without a producer may come twice then. */
export async function write(
  cluster: Cluster,
  topic: string,
  partition: number,
  batch: Uint8Array,
  transactionalId: string | null = null,
): Promise<number> {
  return patient(cluster, async () => {
    const { node } = await cluster.leader(topic, partition)
    const topics = [{ topic, partitions: [{ partition, batch: [batch] }] }]
    const answer = await cluster.request(node, produce, { transactionalId, timeoutMs: 5000, topics }, 'produce')
    const done = answer[0]?.partitions[0]
    if (done?.error === 0) return done.baseOffset
    cluster.forgetTopic(topic)
    throw refusal('writing', done?.error ?? -1, done?.message ?? null)
  })
}

/**
 * Settles when no transaction is open in a partition and the markers of all are written: EndTxn is answered before they are, and
 * what is written meanwhile may come before them.
 */
export async function untilStable(cluster: Cluster, topic: string, partition: number): Promise<void> {
  const { node } = await cluster.leader(topic, partition)
  const topics = [{ topic, partitions: [{ partition, leaderEpoch: -1, timestamp: LATEST }] }]
  const endOf = async (readCommitted: boolean): Promise<number | undefined> => {
    const [answer] = await cluster.request(node, listOffsets, { readCommitted, topics }, 'control')
    return answer?.partitions[0]?.offset
  }
  while ((await endOf(true)) !== (await endOf(false))) await sleep(5)
}

/** A transactional producer, as far as tests of readers need one. */
export class TestProducer {
  readonly #cluster: Cluster
  readonly #id: string
  readonly #sequences = new Map<string, number>()
  #now: ProducerAnswer = { error: 0, producerId: -1, producerEpoch: -1 }

  constructor(cluster: Cluster, id: string) {
    this.#cluster = cluster
    this.#id = id
  }

  async begin(): Promise<this> {
    const q = { transactionalId: this.#id, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 }
    this.#now = await this.#ask(initProducerId, q)
    this.#sequences.clear()
    return this
  }

  async write(topic: string, partition: number, first: number, count: number): Promise<void> {
    const key = `${topic} ${partition}`
    const sequence = this.#sequences.get(key) ?? 0
    const batch = batchOf(first, count, 'none', { ...this.#now, sequence })
    await write(this.#cluster, topic, partition, batch, this.#id)
    this.#sequences.set(key, sequence + count)
  }

  async end(commit: boolean): Promise<void> {
    const { producerId, producerEpoch } = this.#now
    this.#now = await this.#ask(endTxn, { transactionalId: this.#id, producerId, producerEpoch, commit })
    if (this.#now.producerId !== producerId || this.#now.producerEpoch !== producerEpoch) this.#sequences.clear()
  }

  #ask<Q>(api: Api<Q, ProducerAnswer>, q: Q): Promise<ProducerAnswer> {
    return patient(this.#cluster, async () => {
      const node = await this.#cluster.coordinator('transaction', this.#id)
      const answer = await this.#cluster.request(node, api, q, 'control')
      if (answer.error === 0) return answer
      this.#cluster.forgetCoordinator('transaction', this.#id)
      throw refusal(`${api.name} of ${this.#id}`, answer.error, null)
    })
  }
}

/** Reads values until there are `count`, which may change meanwhile, or nothing more has come for `quietMs`. */
export async function readValues(
  reader: StreamReader,
  count: number | (() => number),
  quietMs = 10_000,
): Promise<number[]> {
  const most = typeof count === 'number' ? () => count : count
  const cursor = new RecordCursor()
  const values: number[] = []
  let lastMs = systemClock.monotonicMs()
  while (values.length < most() && systemClock.monotonicMs() - lastMs < quietMs) {
    const read = reader.read(64 * 1024)
    if (read === null) {
      await sleep(2)
      continue
    }
    lastMs = systemClock.monotonicMs()
    cursor.reset(read.bytes)
    while (cursor.nextBatch())
      while (cursor.next())
        if (cursor.offset >= read.start) values.push(batchHeader.readInt64(cursor.bytes, cursor.valueStart))
  }
  return values
}

const open: Fetcher[] = []

/** Closes all that `fetcher` has made: a test that failed may have left some. */
export function closeFetchers(): void {
  for (const each of open.splice(0)) each.close()
}

export function fetcher(cluster: Cluster, options: Partial<FetcherOptions> = {}): Fetcher {
  const made = new Fetcher({ cluster, readCommitted: true, outOfRange: 'fail', ...options })
  open.push(made)
  return made
}

export function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}
