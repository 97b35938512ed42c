import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BatchEncoder,
  isTidemarkError,
  randomFrom,
  readMarker,
  RecordCursor,
  systemClock,
  TidemarkError,
  uniqueId,
} from 'tidemark/system'
import { KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import type { ClusterPort } from '../../src/cluster-port.ts'
import { Cluster } from '../../src/net/cluster.ts'
import type { Api } from '../../src/wire/api.ts'
import type { CoordinatorKind } from '../../src/wire/find-coordinator.ts'
import { createTopics } from '../../src/wire/topics.ts'
import type { Part } from '../../src/txn/transactional-producer.ts'

/** A broker of a test's own, a client of it, and what its topics hold. */
export class TestBroker {
  readonly server: KafkaServer
  readonly cluster: Cluster
  readonly #directory: string

  private constructor(server: KafkaServer, cluster: Cluster, directory: string) {
    this.server = server
    this.cluster = cluster
    this.#directory = directory
  }

  static async start(config: Readonly<Record<string, string>> = {}): Promise<TestBroker> {
    const directory = mkdtempSync(join(tmpdir(), 'tidemark-kafka-'))
    const server = await KafkaServer.start(directory, { config })
    try {
      const cluster = await Cluster.connect({
        brokers: server.brokers.split(','),
        clientId: 'tidemark-test',
        clock: systemClock,
        random: randomFrom(uniqueId),
        requestTimeoutMs: 5000,
      })
      return new TestBroker(server, cluster, directory)
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  async createTopic(name: string, partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<void> {
    const topics = [{ name, partitions, replicas: 1, configs }]
    const [answer] = await this.cluster.request(
      'controller',
      createTopics,
      { topics, timeoutMs: 10_000, validateOnly: false },
      'control',
    )
    if (answer?.error !== 0) throw new Error(`topic ${name}: error ${answer?.error}, ${answer?.message}`)
  }

  /**
   * Values of a partition in order, as its segment file on disk has them: those committed. A broker answers EndTxn before it
   * has written the markers, so this waits until no transaction is open (five seconds at most).
   */
  async values(topic: string, partition: number): Promise<string[]> {
    const directory = join(this.server.data(), `${topic}-${partition}`)
    const untilMs = systemClock.monotonicMs() + 5000
    for (;;) {
      const { committed, open } = readSegments(directory)
      if (open === 0 || systemClock.monotonicMs() > untilMs) return committed
      await systemClock.sleep(20)
    }
  }

  async stop(): Promise<void> {
    this.cluster.close()
    await this.server.stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** Values that are committed, and how many transactions are open. */
function readSegments(directory: string): { readonly committed: string[]; readonly open: number } {
  const open = new Map<number, string[]>()
  const committed: string[] = []
  const cursor = new RecordCursor()
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith('.log')) continue
    cursor.reset(readFileSync(join(directory, file)))
    while (cursor.nextBatch()) {
      const { producerId } = cursor
      const kept = open.get(producerId) ?? []
      if (cursor.isControl) {
        open.delete(producerId)
        if (readMarker(cursor)?.type === 'commit') committed.push(...kept)
        continue
      }
      if (cursor.isTransactional) open.set(producerId, kept)
      const list = cursor.isTransactional ? kept : committed
      while (cursor.next()) list.push(Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd)).toString())
    }
  }
  return { committed, open: open.size }
}

/** A finished batch with these values, as of now. */
export function batchOf(values: readonly string[]): Uint8Array {
  const encoder = new BatchEncoder()
  const now = systemClock.now()
  for (const value of values) {
    const bytes = Buffer.from(value)
    encoder.append(now, null, 0, 0, bytes, 0, bytes.length, null)
  }
  return encoder.finish()
}

export function part(topic: string, partition: number, ...batches: readonly (readonly string[])[]): Part {
  return { topic, partition, batches: batches.map(batchOf) }
}

/** What a test does to a request, by the name of its kind: lose it, or its answer; or anything before and after it. */
export interface Fault {
  readonly before?: (name: string) => Promise<'lose' | undefined> | 'lose' | undefined
  readonly after?: (name: string) => Promise<'lose' | undefined> | 'lose' | undefined
}

/** A cluster whose requests, or their answers, get lost as the test says: as a connection that breaks loses them. */
export class FaultyCluster implements ClusterPort {
  fault: Fault = {}
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async request<Q, R>(
    node: number | 'any',
    api: Api<Q, R>,
    q: Q,
    lane: 'produce' | 'control',
    timeoutMs?: number,
  ): Promise<R> {
    const { before, after } = this.fault
    if ((await before?.(api.name)) === 'lose') throw lost(api.name)
    const answer = await this.#cluster.request(node, api, q, lane, timeoutMs)
    if ((await after?.(api.name)) === 'lose') throw lost(api.name)
    return answer
  }

  leader(topic: string, partition: number): Promise<{ readonly node: number }> {
    return this.#cluster.leader(topic, partition)
  }

  forgetTopic(topic: string): void {
    this.#cluster.forgetTopic(topic)
  }

  coordinator(kind: CoordinatorKind, key: string): Promise<number> {
    return this.#cluster.coordinator(kind, key)
  }

  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#cluster.forgetCoordinator(kind, key)
  }
}

function lost(name: string): TidemarkError {
  return new TidemarkError('ERR_KAFKA_CONNECTION', `the test broke the connection under ${name}. Try again.`)
}

export function isKafka(error: unknown, name: string): boolean {
  return isTidemarkError(error) && error.details['kafka'] === name
}
