import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLASSES, formatted, installKafka, javaArguments, jdk, KAFKA_KEYS, KAFKA_VERSION } from './kafka-programs.ts'
import { servingBrokers } from './kafka-ready.ts'
import { type KafkaNode, type NodePorts, SECURE_LISTENERS, serverProperties } from './kafka-settings.ts'
import type { SecureListener } from './kafka-settings.ts'
import { freePorts, OwnProcess } from './own-process.ts'
import { daemonPid, PROGRAMS, type Service, serviceDirectory, startDaemon, stopDaemon } from './service.ts'

export { kafkaMissing } from './kafka-programs.ts'

const PORT = 19_770
/** Starting costs more than running in tests: one compiler, one collector, few threads. */
const QUICK_START = ['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto']
const MAIN = 'kafka.Kafka'
/** A source file: `java` compiles it without a directory on the class path, which an archive of classes does not bear. */
const WARM = join(import.meta.dirname, 'WarmKafka.java')
/** A machine that is busy has taken more than a minute. */
const START_TIMEOUT_MS = 150_000
const RESUME_TIMEOUT_MS = 40_000
const STEADY_MS = 2500

const ownDirectory = (): string => serviceDirectory('kafka')
const ownNode = (): KafkaNode => ({
  id: 1,
  data: join(ownDirectory(), 'data'),
  ports: { plain: PORT, advertised: PORT, inner: PORT + 1, controller: PORT + 2, secure: {} },
})

/** Writes what a node needs; the arguments of `java` that start it. */
function prepare(
  node: KafkaNode,
  nodes: readonly KafkaNode[],
  directory: string,
  more: {
    readonly config: Readonly<Record<string, string>>
    readonly jvm: readonly string[]
    readonly main?: string
  },
): readonly string[] {
  mkdirSync(directory, { recursive: true })
  formatted(node)
  const file = join(directory, `node-${node.id}.properties`)
  writeFileSync(file, serverProperties(node, nodes, KAFKA_KEYS, more.config))
  return javaArguments(...more.jvm, more.main ?? MAIN, file)
}

export const kafka: Service = {
  name: 'kafka',
  about: `one broker of Apache Kafka ${KAFKA_VERSION} (KRaft) on port ${PORT}, without authentication`,
  async install() {
    mkdirSync(PROGRAMS, { recursive: true })
    installKafka()
    await archiveClasses()
  },
  async up() {
    const node = ownNode()
    const args = prepare(node, [node], ownDirectory(), { config: {}, jvm: QUICK_START })
    await startDaemon({ directory: ownDirectory(), port: PORT, command: jdk('java'), args })
    await untilServing(node, 1, null, join(ownDirectory(), 'log'))
    return `127.0.0.1:${PORT}`
  },
  down: () => stopDaemon(ownDirectory()),
  async reset() {
    await stopDaemon(ownDirectory())
    rmSync(ownDirectory(), { recursive: true, force: true })
  },
  async address() {
    return (await daemonPid(ownDirectory())) === null ? null : `127.0.0.1:${PORT}`
  },
}

export interface KafkaOptions {
  /** Nodes, each broker and controller; topics have as many replicas. One by default. */
  readonly brokers?: 1 | 3
  /** More settings of server.properties, or other values of those in kafka-settings.ts. */
  readonly config?: Readonly<Record<string, string>>
  /** Listeners beside the plain one. */
  readonly listeners?: readonly SecureListener[]
  /** By node, the port that clients of the plain listener are told: that of a proxy before it. */
  readonly advertisedPorts?: readonly number[]
  /** Flags of the JVM, for benches. By default it is made to start fast, with a heap of 512 MiB at most. */
  readonly jvm?: readonly string[]
}

/** Brokers of a test's own, in a directory of its own: each can be killed, frozen, and started again with what it had. */
export class KafkaServer {
  readonly #directory: string
  readonly #nodes: readonly KafkaNode[]
  readonly #options: KafkaOptions
  readonly #processes: readonly OwnProcess[]

  private constructor(directory: string, nodes: readonly KafkaNode[], options: KafkaOptions) {
    this.#directory = directory
    this.#nodes = nodes
    this.#options = options
    this.#processes = nodes.map(() => new OwnProcess())
  }

  /** Settles when every broker serves, and knows that the others do. */
  static async start(directory: string, options: KafkaOptions = {}): Promise<KafkaServer> {
    const server = new KafkaServer(directory, await makeNodes(directory, options), options)
    try {
      await Promise.all(server.#nodes.map((_, i) => server.#launch(i, server.#nodes.length)))
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  /** The bootstrap list of clients: `127.0.0.1:1,127.0.0.1:2`; through the proxies, if ports were advertised. */
  get brokers(): string {
    return this.#list(({ advertised }) => advertised)
  }

  /** A bootstrap list past the proxies: clients that start here are told no advertised port. */
  get direct(): string {
    return this.#list(({ inner }) => inner)
  }

  /** The bootstrap list of a listener with TLS or SASL. */
  secure(listener: SecureListener): string {
    return this.#list(({ secure }) => {
      const port = secure[listener]
      if (port === undefined) throw new Error(`the server was started without the listener ${listener}`)
      return port
    })
  }

  /** Where the plain listener of a node is: what a proxy connects to. */
  port(i = 0): number {
    return this.#node(i).ports.plain
  }

  /** The id of a node, as metadata and tools say it. */
  id(i = 0): number {
    return this.#node(i).id
  }

  /** The directory with a node's partitions (`topic-0/00000000000000000000.log`). */
  data(i = 0): string {
    return this.#node(i).data
  }

  /** False once a node has ended, by itself or not. */
  runs(i = 0): boolean {
    return this.#process(i).runs
  }

  /** Ends a node as a crash would; settles when it is gone. */
  async kill(i = 0): Promise<void> {
    await this.#process(i).kill()
  }

  /** Stops a node where it is: it takes connections and answers nothing, until `go`. */
  freeze(i = 0): void {
    this.#process(i).freeze()
  }

  go(i = 0): void {
    this.#process(i).go()
  }

  /**
   * Lets a frozen node go on, and settles when it serves. The controller has taken it for dead meanwhile, and hears of it again
   * at once; where a node does not come back from that (no client gets any further then), it is started anew: false.
   */
  async resume(i = 0): Promise<boolean> {
    this.go(i)
    if (await staysServing(this.#node(i))) return true
    await this.restart(i)
    return false
  }

  /** Kills a node if it runs, and starts it on the same ports with its data; settles when it serves. */
  async restart(i = 0): Promise<void> {
    await this.kill(i)
    await this.#launch(i, 1)
  }

  /** Kills all that runs. The directory stays. */
  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()))
  }

  /** Settles when a node serves, and sees at least so many brokers that do. */
  async #launch(i: number, brokers: number): Promise<void> {
    const { config = {}, jvm = QUICK_START } = this.#options
    const node = this.#node(i)
    const args = prepare(node, this.#nodes, this.#directory, { config, jvm })
    const log = join(this.#directory, `node-${node.id}.log`)
    const child = this.#process(i).start({ command: jdk('java'), args, log })
    await untilServing(node, brokers, child, log)
  }

  #list(portOf: (ports: NodePorts) => number): string {
    return this.#nodes.map(({ ports }) => `127.0.0.1:${portOf(ports)}`).join(',')
  }

  #node(i: number): KafkaNode {
    const node = this.#nodes[i]
    if (node === undefined) throw new Error(`there is no node ${i}: the server has ${this.#nodes.length}, from 0`)
    return node
  }

  #process(i: number): OwnProcess {
    this.#node(i)
    return this.#processes[i] as OwnProcess
  }
}

async function makeNodes(directory: string, options: KafkaOptions): Promise<KafkaNode[]> {
  const listeners = SECURE_LISTENERS.filter((name) => options.listeners?.includes(name) === true)
  const each = 3 + listeners.length
  const count = options.brokers ?? 1
  const free = await freePorts(each * count)
  return Array.from({ length: count }, (_, at) => {
    const [plain = 0, inner = 0, controller = 0, ...others] = free.slice(at * each, (at + 1) * each)
    const secure = Object.fromEntries(listeners.map((name, i) => [name, others[i] ?? 0]))
    const advertised = options.advertisedPorts?.[at] ?? plain
    const data = join(directory, `data-${at + 1}`)
    return { id: at + 1, data, ports: { plain, advertised, inner, controller, secure } }
  })
}

/** Waits until a broker is in its own list of those that serve, which has at least `brokers`. */
async function untilServing(node: KafkaNode, brokers: number, child: ChildProcess | null, log: string): Promise<void> {
  let failure: Error | null = null
  child?.once('error', (error) => (failure = error))
  const until = performance.now() + START_TIMEOUT_MS
  while (true) {
    const serving = await servingBrokers(node.ports.inner)
    if (serving !== null && serving.includes(node.id) && serving.length >= brokers) return
    const ended = child !== null && (child.exitCode !== null || child.signalCode !== null)
    if (failure !== null || ended || performance.now() > until) {
      const seen = serving === null ? 'it does not answer' : `it sees the brokers [${serving.join(', ')}]`
      const why = ended ? `it has ended (${child.signalCode ?? child.exitCode})` : seen
      const text = existsSync(log) ? readFileSync(log, 'utf8').slice(-4000) : ''
      throw new Error(`Kafka node ${node.id} does not serve: ${failure ?? why}. The end of ${log}:\n${text}`)
    }
    await sleep(20)
  }
}

/** Whether a broker serves for a while without a break, before long: right after a standstill it may not know yet that it does not. */
async function staysServing(node: KafkaNode): Promise<boolean> {
  const until = performance.now() + RESUME_TIMEOUT_MS
  let since: number | null = null
  while (performance.now() < until) {
    const serving = (await servingBrokers(node.ports.inner))?.includes(node.id) === true
    if (!serving) since = null
    else if (since === null) since = performance.now()
    else if (performance.now() - since >= STEADY_MS) return true
    await sleep(100)
  }
  return false
}

/** Runs a broker and clients once, which end in an orderly way, so that the JVM writes down the classes that they used. */
async function archiveClasses(): Promise<void> {
  if (existsSync(CLASSES)) return
  const directory = join(PROGRAMS, `kafka-classes-${process.pid}`)
  const made = join(directory, 'classes.jsa')
  mkdirSync(directory, { recursive: true })
  const warm = new OwnProcess()
  try {
    const [node] = await makeNodes(directory, {})
    if (node === undefined) return
    const args = prepare(node, [node], directory, {
      config: {},
      jvm: [...QUICK_START, `-XX:ArchiveClassesAtExit=${made}`],
      main: WARM,
    })
    const log = join(directory, 'log')
    const child = warm.start({ command: jdk('java'), args: [...args, `127.0.0.1:${node.ports.inner}`], log })
    const signal = AbortSignal.timeout(START_TIMEOUT_MS)
    const [code] = (await once(child, 'exit', { signal })) as [number | null]
    if (code !== 0 || !existsSync(made))
      throw new Error(`the JVM made no archive of classes. ${readFileSync(log, 'utf8').slice(-2000)}`)
    renameSync(made, CLASSES)
  } finally {
    await warm.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}
