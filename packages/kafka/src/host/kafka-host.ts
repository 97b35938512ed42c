import {
  nodeDisk,
  type LineageKeeper,
  type LogPort,
  parseTaskProducer,
  type OffsetsView,
  type PortInit,
  type ProducerState,
  type StoredDelta,
  type StreamInfo,
  type StreamSpec,
  type SystemContext,
  type SystemHost,
  systemClock,
  TidemarkError,
} from 'tidemark/system'
import { Cluster } from '../net/cluster.ts'
import { mayRetry, retrying } from '../net/retry.ts'
import type { KafkaOptions } from '../options.ts'
import { registerKafkaCodecs } from '../codecs/register.ts'
import { openPort } from '../port/open-port.ts'
import { PORT_MODULE } from '../port/port-module.ts'
import type { TopicPartition } from '../wire/api.ts'
import { deleteRecords } from '../wire/topics.ts'
import { connectOptions, patience } from './connect-options.ts'
import { Claims } from './claims.ts'
import { type Possession, takeOwnership } from './possession.ts'
import { readControl } from './control-records.ts'
import { KafkaLineages, LINEAGES_KEY } from './kafka-lineages.ts'
import { partitionOffsets } from './partition-offsets.ts'
import { assertNothingLost } from './nothing-lost.ts'
import { assertMayCommitPositions } from './positions-right.ts'
import type { PortData } from './shared-plan.ts'
import { StreamRegistry } from './stream-registry.ts'
import { isBetween, streamBetween, topicOf } from './topic-names.ts'
import { isTopicMissing, TopicWatch, type WatchedTopic } from './topic-watch.ts'
import { checkTopic, limitsOf, makeTopic, MOST_VALUE_BYTES, settledTopic } from './topics.ts'
import { TroubleNotice } from './trouble-notice.ts'

const REFRESH_MS = 1000
/** How often it is looked whether topics are as they were, in refreshes. */
const LOOK_EVERY = 5
const TRIM_TIMEOUT_MS = 30_000

/** Kafka as the supervisor of one run sees it: topics, owners of tasks, what is known of their progress. */
export class KafkaHost implements SystemHost, LineageKeeper {
  readonly directory: string
  readonly lineages: KafkaLineages
  /** ERR_LEASE_LOST, ERR_KAFKA_TOPIC_MISSING. Brokers may go and come back within the lease. */
  readonly failure: Promise<Error>
  readonly #options: KafkaOptions
  readonly #context: SystemContext
  readonly #cluster: Cluster
  readonly #possession: Possession
  readonly #registry: StreamRegistry
  readonly #claims: Claims
  readonly #timer: NodeJS.Timeout
  readonly #trouble: TroubleNotice
  #closed = false
  #refreshing = false
  #assumed = false
  #refreshes = 0
  readonly #topics: TopicWatch
  /** Of streams between steps, before anything is written in this run. */
  readonly #endsAtStart = new Map<string, readonly number[]>()
  readonly #gone = Promise.withResolvers<Error>()

  /**
   * Reaches the brokers, waits until this process is the one that runs the job, and takes the data directory.
   * ERR_KAFKA_OPTION, ERR_KAFKA_UNREACHABLE, ERR_KAFKA_VERSION, ERR_KAFKA_DENIED, and as `takeOwnership`.
   */
  static async open(options: KafkaOptions, context: SystemContext): Promise<KafkaHost> {
    registerKafkaCodecs()
    if (context.maxValueBytes > MOST_VALUE_BYTES) {
      throw new TidemarkError(
        'ERR_KAFKA_OPTION',
        `maxValueBytes is ${context.maxValueBytes}: on Kafka a value of a store is a record of the state topic, and takes ` +
          `${MOST_VALUE_BYTES} bytes at most. Lower it, and split larger values`,
      )
    }
    nodeDisk.makeDirectory(context.directory)
    const cluster = await Cluster.connect(connectOptions(options))
    let possession: Possession
    try {
      possession = await takeOwnership(options, context, cluster)
    } catch (error) {
      cluster.close()
      throw error
    }
    const host = new KafkaHost(options, context, cluster, possession)
    try {
      await host.#patiently(async () => {
        await assertMayCommitPositions(cluster, context.job)
        await host.#findStreams()
      })
      return host
    } catch (error) {
      await host.close()
      throw error
    }
  }

  private constructor(options: KafkaOptions, context: SystemContext, cluster: Cluster, possession: Possession) {
    this.directory = context.directory
    this.#options = options
    this.#context = context
    this.#cluster = cluster
    this.#possession = possession
    this.failure = Promise.race([possession.ownership.lost, this.#gone.promise])
    this.#trouble = new TroubleNotice(systemClock, context.onWarning)
    this.#registry = new StreamRegistry(context.job)
    this.#claims = new Claims({
      context,
      cluster,
      ownership: possession.ownership,
      replicas: this.#replicas,
      outputsOf: (producer) => this.#outputsOf(producer),
    })
    this.lineages = new KafkaLineages({
      context,
      cluster,
      ownership: possession.ownership,
      claims: this.#claims,
      outputs: () => this.#outputsOf('task:'),
    })
    this.#topics = new TopicWatch({
      cluster,
      job: context.job,
      topics: () => this.#watched(),
      onWarning: context.onWarning,
    })
    this.#timer = setInterval(() => void this.#refresh(), REFRESH_MS)
  }

  /** Topics of the job that are there, with the partitions that they have: those between steps of its current lineage. */
  async #findStreams(): Promise<void> {
    const { job, streams } = this.#context
    const user = new Map(streams.map((name) => [topicOf(job, { name, kind: 'user' }), name]))
    const lineage = (await this.lineages.read())?.current?.number ?? 1
    const topics = await this.#cluster.metadata(null)
    for (const { name: topic, partitions, error } of topics) {
      const name = user.get(topic)
      if (name !== undefined && error === 0) this.#registry.add(plain(name, 'user', partitions.length))
      if (!isBetween({ job, lineage }, topic)) continue
      this.#registry.add(plain(streamBetween({ job, lineage }, topic), 'intermediate', partitions.length))
    }
  }

  /** A task writes outputs and intermediate streams, a source the stream in its name, a sink none, a program any. */
  #outputsOf(producer: string): readonly TopicPartition[] {
    const [kind, source] = producer.split(':')
    const { streams, outputs } = this.#context
    const names = new Set(kind === 'app' ? streams : kind === 'sink' ? [] : outputs)
    if (kind === 'source' && source !== undefined) names.add(source)
    const isTask = kind === 'task'
    return this.#registry.all.flatMap(({ info, topic }) => {
      const isWritten = names.has(info.name) || (isTask && info.kind === 'intermediate')
      return isWritten ? Array.from({ length: info.partitions }, (_, partition) => ({ topic, partition })) : []
    })
  }

  get offsets(): OffsetsView {
    return this.#registry.offsets
  }

  streams(): Promise<StreamInfo[]> {
    return Promise.resolve(this.#registry.all.map(({ info }) => info))
  }

  /** What the brokers keep this process from now is done later, as `patience` says. ERR_LEASE_LOST: it comes too late. */
  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    const { ownership } = this.#possession
    try {
      return await retrying(
        patience(this.#cluster, () => ownership.isHeld),
        call,
      )
    } catch (error) {
      if (mayRetry(error)) ownership.assertHeld()
      // The watch says more of a topic that is gone.
      if (isTopicMissing(error)) await this.#topics.untilThere()
      throw error
    }
  }

  /** ERR_KAFKA_TOPIC: it cannot be made, or is not as it must be. ERR_STREAM_MISMATCH: it has other partitions. */
  createStream(spec: StreamSpec): Promise<StreamInfo> {
    return this.#patiently(() => this.#createStream(spec))
  }

  async #createStream(spec: StreamSpec): Promise<StreamInfo> {
    const known = this.#registry.byName(spec.name)
    const topic = topicOf(this.#context.job, spec)
    const role = spec.kind === 'user' ? 'user' : 'intermediate'
    if (known === undefined) {
      const options = { retentionMs: spec.retentionMs, replicas: this.#replicas }
      await makeTopic(this.#cluster, topic, spec.partitions, role, options)
    }
    const there = known?.info.partitions ?? (await settledTopic(this.#cluster, topic)).partitions.length
    if (there !== spec.partitions) {
      throw new TidemarkError(
        'ERR_STREAM_MISMATCH',
        `topic ${topic} has ${there} partitions, and the job needs ${spec.partitions}. Change the job or the topic`,
        { details: { stream: spec.name, partitions: there } },
      )
    }
    const configs = await checkTopic(this.#cluster, topic, role)
    if (configs === null && role === 'user') this.#assumeDefaults(topic)
    this.#registry.add(spec)
    const info = this.#registry.limit(spec.name, limitsOf(role, configs))
    await this.#publish([info])
    if (spec.kind === 'intermediate') {
      const ends = Array.from({ length: spec.partitions }, (_, p) => this.offsets.end(info.slot + p))
      this.#endsAtStart.set(spec.name, ends)
    }
    return info
  }

  #assumeDefaults(topic: string): void {
    if (this.#assumed) return
    this.#assumed = true
    this.#context.onWarning(
      `the configuration of topic ${topic}, and perhaps of others, cannot be read: it is taken to be as brokers have it by ` +
        'default. Where a topic takes less, a message that is too large for it stops the job. To read it, give the user of ' +
        'this client DescribeConfigs on the topic (kafka-acls.sh)',
    )
  }

  refresh(): Promise<void> {
    return this.#publish(this.#registry.all.map(({ info }) => info))
  }

  async #publish(streams: readonly StreamInfo[]): Promise<void> {
    const places = new Map<string, StreamInfo>()
    const partitions: TopicPartition[] = []
    for (const info of streams) {
      const { topic } = this.#registry.byId(info.id)
      places.set(topic, info)
      for (let partition = 0; partition < info.partitions; partition++) partitions.push({ topic, partition })
    }
    for (const { topic, partition, start, end } of await partitionOffsets(this.#cluster, partitions, (ms) =>
      systemClock.sleep(ms),
    )) {
      this.#registry.publish(places.get(topic) as StreamInfo, partition, start, end)
    }
  }

  /** Ends of streams, for those that look at them from outside; a reader learns of its own with what it reads. */
  async #refresh(): Promise<void> {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    try {
      await this.refresh()
      if (this.#refreshes++ % LOOK_EVERY === 0) await this.#topics.look()
      this.#trouble.well()
    } catch (error) {
      // The next round asks again.
      if (!this.#closed) this.#trouble.failed(error)
      if (isTopicMissing(error)) await this.#lookForMissing()
    } finally {
      this.#refreshing = false
    }
  }

  /** A topic that is gone ends the run, whether tasks have met it or not. */
  async #lookForMissing(): Promise<void> {
    try {
      await this.#topics.look()
    } catch (error) {
      if (isTopicMissing(error)) this.#gone.resolve(error as Error)
    }
  }

  /** All topics of the run, the state topic once there was a claim. */
  #watched(): WatchedTopic[] {
    const { outputs } = this.#context
    const streams = this.#registry.all.map(({ info, topic }): WatchedTopic => {
      const use = info.kind !== 'user' ? 'intermediate' : outputs.includes(info.name) ? 'output' : 'input'
      return { topic, use, partitions: info.partitions }
    })
    return [...streams, ...this.#claims.topics]
  }

  /** A broker that is away for a while is waited for: its tasks start again when it is back. */
  claim(producer: string, meta: string): Promise<ProducerState> {
    const isAgain = this.#claims.isKnown(producer)
    return this.#patiently(async () => {
      // A commit may have come to nothing since a topic is gone: that is told, rather than tried again and again.
      if (isAgain) await this.#topics.untilThere()
      const state = await this.#claims.claim(producer, meta)
      if (!isAgain) assertNothingLost(state, this.#endsAtStart)
      return state
    })
  }

  producer(name: string): Promise<ProducerState | undefined> {
    return this.#claims.look(name)
  }

  /** Tasks as they were claimed; sources and sinks as the control topic has them now. */
  async producers(): Promise<ProducerState[]> {
    const tasks = this.#claims.known.filter(({ producer }) => parseTaskProducer(producer) !== null)
    const records = await readControl(this.#cluster, systemClock, this.#context.job)
    records.delete(LINEAGES_KEY)
    const others = [...records].map(([producer, { id, ownerEpoch, meta, checkpoint }]): ProducerState => {
      return { producer, epoch: ownerEpoch, id, checkpoint, meta, flushedId: 0 }
    })
    return [...tasks, ...others]
  }

  deltas(producer: string, afterId: number): Promise<StoredDelta[]> {
    return Promise.resolve(this.#claims.takeDeltas(producer).filter(({ id }) => id > afterId))
  }

  /** Nothing waits for it here: the state topic is compacted. */
  flushed(): Promise<void> {
    return Promise.resolve()
  }

  async trim(stream: number, partition: number, beforeOffset: number): Promise<void> {
    const { info, topic } = this.#registry.byId(stream)
    if (info.kind !== 'intermediate' || beforeOffset <= this.offsets.start(info.slot + partition)) return
    const topics = [{ topic, partitions: [{ partition, offset: beforeOffset }] }]
    try {
      const { node } = await this.#cluster.leader(topic, partition)
      const request = { topics, timeoutMs: TRIM_TIMEOUT_MS }
      const [answer] = await this.#cluster.request(node, deleteRecords, request, 'control')
      const done = answer?.partitions[0]
      if (done?.error === 0) this.#registry.publish(info, partition, done.logStart, 0)
      else this.#cluster.forgetTopic(topic)
    } catch (error) {
      // What cannot be purged now is purged with the next trim; of a topic that is gone the watch tells.
      if (!mayRetry(error) && !isTopicMissing(error)) throw error
    }
  }

  statistics(): Promise<{ readonly journalBytes: number }> {
    return Promise.resolve({ journalBytes: 0 })
  }

  portFor(producers: readonly string[]): PortInit {
    return { module: PORT_MODULE, data: this.#portData(producers), transfer: [] }
  }

  openPort(producers: readonly string[]): Promise<LogPort> {
    return openPort(this.#portData(producers))
  }

  #portData(producers: readonly string[]): PortData {
    return {
      job: this.#context.job,
      directory: this.directory,
      options: this.#options,
      streams: this.#registry.all,
      shared: this.#registry.offsets.shared,
      held: this.#possession.ownership.flag,
      sessions: producers.map((name) => this.#claims.takeSession(name)),
      commitTimeoutMs: this.#context.commitTimeoutMs,
      sendsEarly: this.#context.delivery === 'at-least-once',
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    await this.#possession.release()
    this.#cluster.close()
  }

  get #replicas(): number {
    return this.#options.replicationFactor ?? -1
  }
}

/** What a topic says of itself: not how it is encoded. */
function plain(name: string, kind: StreamSpec['kind'], partitions: number): StreamSpec {
  return { name, partitions, kind, retentionMs: null, retentionBytes: null, meta: '{}' }
}
