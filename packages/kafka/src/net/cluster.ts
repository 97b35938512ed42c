import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { TidemarkError, type Clock } from 'tidemark/system'
import type { Api } from '../wire/api.ts'
import { findCoordinator, type CoordinatorKind } from '../wire/find-coordinator.ts'
import { metadata, type MetadataResponse, type TopicMetadata } from '../wire/metadata.ts'
import { AnswerMemory } from './answer-memory.ts'
import { BrokerConnection } from './broker-connection.ts'
import type { ConnectionOptions, SaslOptions } from './link.ts'
import { parseBroker, type HostAndPort } from './broker-list.ts'
import { reasonOf } from './connect-errors.ts'
import { refusal } from './kafka-errors.ts'
import { Lane, type LaneName } from './lane.ts'
import { mayRetry } from './retry.ts'
import { TopicCache, type Leader } from './topic-cache.ts'

export interface ClusterOptions {
  /** "host:port" of some brokers; the others are learnt from them. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly tls?: TlsOptions
  readonly sasl?: SaslOptions
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly connectTimeoutMs?: number
  readonly requestTimeoutMs?: number
}

/** A broker by its id; `any` one that answers; the `controller`. */
export type Node = number | 'any' | 'controller'

const UNKNOWN_TOPIC = 3
const LEADER_NOT_AVAILABLE = 5

/** The brokers of one Kafka cluster: connections, leaders, coordinators. For one thread. */
export class Cluster {
  readonly clock: Clock
  readonly random: () => number
  /** Of the answers of all its connections. */
  readonly memory: AnswerMemory = new AnswerMemory()
  readonly #options: ConnectionOptions
  readonly #bootstrap: readonly HostAndPort[]
  readonly #brokers = new Map<number, HostAndPort>()
  readonly #lanes = new Map<string, Lane>()
  readonly #topics = new TopicCache()
  readonly #coordinators = new Map<string, number>()
  readonly #asking = new Map<string, Promise<readonly TopicMetadata[]>>()
  #controller = -1
  #clusterId: string | null = null
  #fetchLanes = 0
  #closed = false

  private constructor(options: ClusterOptions) {
    const { clientId, tls, sasl, clock, connectTimeoutMs = 5000, requestTimeoutMs = 30_000 } = options
    this.clock = clock
    this.random = options.random
    this.#bootstrap = options.brokers.map(parseBroker)
    this.#options = {
      clientId,
      clock,
      connectTimeoutMs,
      requestTimeoutMs,
      memory: this.memory,
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined ? {} : { sasl }),
    }
  }

  /**
   * Reaches one broker of the list and learns of the others. Rejects with ERR_KAFKA_UNREACHABLE, which names each broker and
   * why, ERR_KAFKA_AUTHENTICATION, ERR_KAFKA_VERSION, ERR_KAFKA_OPTION.
   */
  static async connect(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options)
    await cluster.#askBootstrap([])
    return cluster
  }

  get clusterId(): string | null {
    return this.#clusterId
  }

  /** Ids of the brokers that are known, in order. */
  get nodes(): readonly number[] {
    return [...this.#brokers.keys()].sort((a, b) => a - b)
  }

  /**
   * Topics by name, null for all. From memory if all are known and `refresh` is not asked for. A topic with `error` set (3:
   * there is none of that name) has no partitions.
   */
  metadata(topics: readonly string[] | null, refresh = false): Promise<readonly TopicMetadata[]> {
    if (topics !== null && !refresh) {
      const known = topics.map((topic) => this.#topics.get(topic))
      if (known.every((topic) => topic !== undefined)) return Promise.resolve(known)
    }
    const key = JSON.stringify(topics)
    const asking = this.#asking.get(key)
    if (asking !== undefined) return asking
    const answer = this.#askMetadata(topics).finally(() => this.#asking.delete(key))
    this.#asking.set(key, answer)
    return answer
  }

  /** Rejects with ERR_KAFKA_TOPIC_MISSING, ERR_KAFKA_NOT_READY if there is no leader now, and as `request`. */
  async leader(topic: string, partition: number): Promise<Leader> {
    const [found] = await this.metadata([topic])
    if (found === undefined || found.error === UNKNOWN_TOPIC) throw topicMissing(topic, null)
    if (found.error !== 0) throw refusal(`Metadata of stream "${topic}"`, found.error, null, { stream: topic })
    const known = found.partitions.find((each) => each.partition === partition)
    if (known === undefined) throw topicMissing(topic, partition)
    if (known.leader >= 0) return { node: known.leader, leaderEpoch: known.leaderEpoch }
    this.forgetTopic(topic)
    const what = `finding the leader of stream "${topic}", partition ${partition}`
    throw refusal(what, LEADER_NOT_AVAILABLE, null, { stream: topic, partition })
  }

  /** The next question about it goes to a broker: after NOT_LEADER_OR_FOLLOWER and other errors with remedy `metadata`. */
  forgetTopic(topic: string): void {
    this.#topics.forget(topic)
  }

  /** A lane that no other fetcher has: each waits for data, and would hold up the other. */
  newFetchLane(): LaneName {
    this.#fetchLanes++
    return `fetch-${this.#fetchLanes}`
  }

  topicName(topicId: string): string | null {
    return this.#topics.nameOf(topicId)
  }

  /**
   * The broker that keeps the state of a group or of a transactional id. Rejects with ERR_KAFKA_NOT_READY and as `request`.
   * `lane`: of the question, if a broker has to be asked.
   */
  async coordinator(kind: CoordinatorKind, key: string, lane: LaneName = 'control'): Promise<number> {
    const known = this.#coordinators.get(`${kind} ${key}`)
    if (known !== undefined) return known
    const [found] = await this.request('any', findCoordinator, { kind, keys: [key] }, lane)
    if (found === undefined || found.error !== 0) {
      const what = `finding the coordinator of ${kind} "${key}"`
      throw refusal(what, found?.error ?? -1, found?.message ?? null, { [kind]: key })
    }
    this.#learn(found.node, found)
    this.#coordinators.set(`${kind} ${key}`, found.node)
    return found.node
  }

  /** After NOT_COORDINATOR and other errors with remedy `coordinator`, and when its broker does not answer. */
  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.delete(`${kind} ${key}`)
  }

  /**
   * Sends one request; never again by itself. Rejects with ERR_KAFKA_CONNECTION (`sent` false in its details: it surely
   * never left), ERR_KAFKA_TIMEOUT, ERR_KAFKA_AUTHENTICATION, ERR_KAFKA_VERSION, ERR_KAFKA_PROTOCOL; to `any` broker also
   * ERR_KAFKA_UNREACHABLE: there what was surely not sent goes to the next broker.
   */
  request<Q, R>(node: Node, api: Api<Q, R>, q: Q, lane: LaneName, timeoutMs?: number): Promise<R> {
    if (node === 'any') return this.#requestAny(api, q, lane, timeoutMs)
    const id = node === 'controller' ? this.#controller : node
    const found = this.#lane(id, lane)
    if (found === null && node === 'controller') return this.#requestAny(api, q, lane, timeoutMs)
    if (found !== null) return found.request(api, q, timeoutMs)
    const text = `broker ${id} is not one of the cluster (${this.nodes.join(', ')}): it may be down. Refresh the metadata.`
    return Promise.reject(new TidemarkError('ERR_KAFKA_CONNECTION', text, { details: { broker: id, sent: false } }))
  }

  /** Breaks the connection of a lane: what waits there rejects with ERR_KAFKA_CONNECTION, the next request opens another. */
  dropLane(node: number, name: LaneName): void {
    const key = `${node} ${name}`
    this.#lanes.get(key)?.close()
    this.#lanes.delete(key)
  }

  close(): void {
    this.#closed = true
    for (const lane of this.#lanes.values()) lane.close()
    this.#lanes.clear()
  }

  async #requestAny<Q, R>(api: Api<Q, R>, q: Q, lane: LaneName, timeoutMs: number | undefined): Promise<R> {
    const reasons: string[] = []
    for (const id of this.#inRandomOrder(lane)) {
      try {
        const found = this.#lane(id, lane)
        if (found !== null) return await found.request(api, q, timeoutMs)
      } catch (error) {
        if (!mayRetry(error) || error.details['sent'] !== false) throw error
        reasons.push(error.message)
      }
    }
    // All that are known are gone: perhaps the cluster has moved, and those of the list know where to.
    await this.#askBootstrap(reasons)
    for (const id of this.#inRandomOrder(lane)) {
      const found = this.#lane(id, lane)
      if (found !== null) return found.request(api, q, timeoutMs)
    }
    throw unreachable(reasons)
  }

  /** Brokers whose connection is open come first. */
  #inRandomOrder(lane: LaneName): number[] {
    const order = this.nodes.map((id) => {
      const open = this.#lanes.get(`${id} ${lane}`)?.isOpen === true
      return { id, rank: (open ? 0 : 1) + this.random() }
    })
    return order.sort((a, b) => a.rank - b.rank).map(({ id }) => id)
  }

  #lane(node: number, name: LaneName): Lane | null {
    const key = `${node} ${name}`
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const address = this.#brokers.get(node)
    if (address === undefined) return null
    const lane = new Lane(address.host, address.port, this.#options)
    if (this.#closed) lane.close()
    else this.#lanes.set(key, lane)
    return lane
  }

  async #askMetadata(topics: readonly string[] | null): Promise<readonly TopicMetadata[]> {
    return this.#take(await this.request('any', metadata, { topics }, 'control'))
  }

  #take(answer: MetadataResponse): readonly TopicMetadata[] {
    this.#clusterId = answer.clusterId
    this.#controller = answer.controller
    for (const broker of answer.brokers) this.#learn(broker.id, broker)
    const alive = new Set(answer.brokers.map(({ id }) => id))
    if (alive.size > 0) for (const id of this.#brokers.keys()) if (!alive.has(id)) this.#forgetBroker(id)
    return answer.topics.map((topic) => this.#topics.take(topic))
  }

  /** A broker that has moved gets new connections. */
  #learn(id: number, { host, port }: HostAndPort): void {
    const known = this.#brokers.get(id)
    if (known !== undefined && known.host === host && known.port === port) return
    this.#forgetBroker(id)
    this.#brokers.set(id, { host, port })
  }

  #forgetBroker(id: number): void {
    this.#brokers.delete(id)
    for (const [key, lane] of this.#lanes) {
      if (!key.startsWith(`${id} `)) continue
      this.#lanes.delete(key)
      lane.close()
    }
  }

  async #askBootstrap(reasons: string[]): Promise<void> {
    const first = Math.floor(this.random() * this.#bootstrap.length)
    for (let i = 0; i < this.#bootstrap.length; i++) {
      const { host, port } = this.#bootstrap[(first + i) % this.#bootstrap.length] as HostAndPort
      try {
        const connection = await BrokerConnection.open(host, port, this.#options)
        try {
          this.#take(await connection.request(metadata, { topics: [] }))
          return
        } finally {
          connection.close()
        }
      } catch (error) {
        if (!mayRetry(error)) throw error
        reasons.push(error.code === 'ERR_KAFKA_CONNECTION' ? error.message : `${host}:${port}: ${reasonOf(error)}`)
      }
    }
    throw unreachable(reasons)
  }
}

function unreachable(reasons: readonly string[]): TidemarkError {
  return new TidemarkError(
    'ERR_KAFKA_UNREACHABLE',
    `no broker answers: ${reasons.join('; ')}. Check the addresses, the network, and the settings of TLS and SASL.`,
  )
}

/** ERR_KAFKA_TOPIC_MISSING for a topic, or a partition of it. */
export function topicMissing(topic: string, partition: number | null): TidemarkError {
  const what = partition === null ? `topic "${topic}"` : `partition ${partition} of topic "${topic}"`
  return new TidemarkError(
    'ERR_KAFKA_TOPIC_MISSING',
    `${what} does not exist. Create it (kafka-topics.sh --create), or check the name.`,
    { details: { stream: topic, ...(partition === null ? {} : { partition }) } },
  )
}
