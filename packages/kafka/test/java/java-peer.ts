import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { compiledClasses, jdk, ownClassArguments } from '../../../../scripts/lib/services/kafka-programs.ts'

const SOURCE = join(import.meta.dirname, 'JavaPeer.java')
const MAIN = 'JavaPeer'
const JVM = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const KEPT_ERRORS = 8000
const FENCED_MS = 60_000

/** A record to be sent. Without a partition, Java's default partitioner chooses by the key. */
export interface PeerRecord {
  readonly partition?: number
  readonly timestamp?: number
  readonly key?: string | Uint8Array | null
  readonly value?: string | Uint8Array | null
  readonly headers?: readonly (readonly [name: string, value: string | Uint8Array | null])[]
}

/** A record as the Java consumer saw it. */
export interface DumpedRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

export interface PartitionState {
  readonly partition: number
  readonly leader: number | null
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

/** What the coordinator says of a transactional id; `state` is Java's: Ongoing, CompleteCommit, CompleteAbort, Empty… */
export interface TransactionState {
  readonly state: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly timeoutMs: number
  /** `topic-partition`, sorted. */
  readonly partitions: readonly string[]
}

export type Isolation = 'read_committed' | 'read_uncommitted'

/** An exception of the Java client; `javaClass` is its simple name (ProducerFencedException). */
export class JavaError extends Error {
  readonly javaClass: string

  constructor(javaClass: string, message: string) {
    super(`${javaClass}: ${message}`)
    this.javaClass = javaClass
  }
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
  readonly message?: string
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

type Config = Readonly<Record<string, string>>

/** Java's own clients, in one JVM that carries out what it is told. Its source says what each op does. */
export class JavaPeer {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #last = 0
  #errors = ''
  #ended: Error | null = null

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors = (this.#errors + chunk).slice(-KEPT_ERRORS)
    })
    if (child.stdout === null) throw new Error('the peer has no output')
    createInterface({ input: child.stdout }).on('line', (line) => this.#take(JSON.parse(line) as Answer))
    child.stdin?.on('error', () => {})
    child.once('error', (error) => this.#end(error))
    child.once('close', (code, signal) =>
      this.#end(new Error(`the peer has ended (${signal ?? code}): ${this.#errors}`)),
    )
  }

  /** `client` goes to every client it makes: security settings, for example. Compiles it when nobody has yet. */
  static async start(brokers: string, client: Config = {}): Promise<JavaPeer> {
    const settings = JSON.stringify({ 'bootstrap.servers': brokers, ...client })
    const args = ownClassArguments(compiledClasses(SOURCE), ...JVM, MAIN, settings)
    const child = spawn(jdk('java'), args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const peer = new JavaPeer(child)
    await new Promise((resolve, reject) => peer.#waiting.set(0, { resolve, reject }))
    return peer
  }

  /** A producer with acks=all; with a `transactional.id` its transactions are initialised. */
  async producer(config: Config = {}): Promise<JavaProducer> {
    const name = `producer-${++this.#last}`
    await this.#call('producer', { name, config })
    return new JavaProducer(name, (op, more) => this.#call(op, more))
  }

  /** All records of a topic up to its end; for read_committed, to the last stable offset. By partition, then offset. */
  async dump(topic: string, isolation: Isolation = 'read_committed'): Promise<DumpedRecord[]> {
    const rows = (await this.#call('dump', { topic, isolation })) as (Omit<
      DumpedRecord,
      'key' | 'value' | 'headers'
    > & {
      readonly key: string | null
      readonly value: string | null
      readonly headers: readonly (readonly [string, string | null])[]
    })[]
    return rows
      .map((row) => ({
        ...row,
        key: decode(row.key),
        value: decode(row.value),
        headers: row.headers.map(([name, value]) => [name, decode(value)] as const),
      }))
      .sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  /** Settles when every partition has a leader that the brokers know. */
  async createTopic(topic: string, partitions = 1, config: Config = {}): Promise<void> {
    for (const untilMs = performance.now() + FENCED_MS; ; await sleep(100)) {
      try {
        await this.#call('createTopic', { topic, partitions, config })
        return
      } catch (error) {
        // Where the machine is busy, a broker may be too late to tell the controller that it lives: then there is none for a moment.
        const isFenced = error instanceof JavaError && error.javaClass === 'InvalidReplicationFactorException'
        if (!isFenced || performance.now() > untilMs) throw error
      }
    }
  }

  /** Names of all topics but Kafka's own. */
  async topics(): Promise<string[]> {
    return (await this.#call('topics', {})) as string[]
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#call('deleteTopic', { topic })
  }

  /** `partitions` is the new number of all. */
  async addPartitions(topic: string, partitions: number): Promise<void> {
    await this.#call('addPartitions', { topic, partitions })
  }

  async setTopicConfig(topic: string, config: Config): Promise<void> {
    await this.#call('setConfig', { topic, config })
  }

  async topicConfig(topic: string): Promise<Config> {
    return (await this.#call('getConfig', { topic })) as Config
  }

  async describeTopic(topic: string): Promise<PartitionState[]> {
    return (await this.#call('describe', { topic })) as PartitionState[]
  }

  /** Makes a broker, by its id, the leader of a partition; settles when it is elected. */
  async lead(topic: string, partition: number, broker: number): Promise<void> {
    await this.#call('lead', { topic, partition, broker })
  }

  async groupOffsets(
    group: string,
  ): Promise<
    { readonly topic: string; readonly partition: number; readonly offset: number; readonly metadata: string }[]
  > {
    return (await this.#call('groupOffsets', { group })) as never
  }

  async transaction(transactionalId: string): Promise<TransactionState> {
    return (await this.#call('transaction', { transactionalId })) as TransactionState
  }

  /** Lets a user do something: `allow('User:guest', 'TOPIC', 'visits', 'READ')`. Needs a server with an authorizer. */
  async allow(principal: string, resource: string, name: string, operation: string): Promise<void> {
    await this.#call('allow', { principal, resource, name, operation })
  }

  /** Ends the JVM as a crash would: open transactions stay open, nothing is said to any broker. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await gone
  }

  #call(op: string, more: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(this.#ended)
      const id = ++this.#last
      this.#waiting.set(id, { resolve, reject })
      this.#child.stdin?.write(`${JSON.stringify({ id, op, ...more })}\n`)
    })
  }

  #take({ id, result, error, message }: Answer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new JavaError(error, message ?? ''))
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
  }
}

/** A producer of the peer. A transaction that is begun and not ended stays open. */
export class JavaProducer {
  readonly #name: string
  readonly #call: (op: string, more: object) => Promise<unknown>

  constructor(name: string, call: (op: string, more: object) => Promise<unknown>) {
    this.#name = name
    this.#call = call
  }

  /** Settles when all are acknowledged. Records of one call are one batch per partition, if they fit in `batch.size`. */
  async send(topic: string, records: readonly PeerRecord[]): Promise<{ partition: number; offset: number }[]> {
    const rows = records.map(({ partition, timestamp, key, value, headers }) => ({
      partition: partition ?? null,
      timestamp: timestamp ?? null,
      key: encode(key),
      value: encode(value),
      headers: (headers ?? []).map(([name, bytes]) => [name, encode(bytes)]),
    }))
    const places = (await this.#call('send', { name: this.#name, topic, records: rows })) as [number, number][]
    return places.map(([partition, offset]) => ({ partition, offset }))
  }

  async begin(): Promise<void> {
    await this.#call('begin', { name: this.#name })
  }

  async commit(): Promise<void> {
    await this.#call('commit', { name: this.#name })
  }

  async abort(): Promise<void> {
    await this.#call('abort', { name: this.#name })
  }

  async close(): Promise<void> {
    await this.#call('close', { name: this.#name })
  }
}

function encode(bytes: string | Uint8Array | null | undefined): string | null {
  if (bytes === null || bytes === undefined) return null
  return Buffer.from(bytes as Uint8Array).toString('base64')
}

function decode(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}
