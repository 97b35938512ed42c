import { connect, createServer, type Server, type Socket } from 'node:net'
import { seededRandom } from 'tidemark/system'
import { Pipe } from './pipe.ts'

const HOST = '127.0.0.1'

interface Link {
  readonly client: Socket
  readonly broker: Socket
  readonly pipes: readonly Pipe[]
}

/**
 * A TCP proxy before one listener of a broker. It changes no byte, so the broker has to advertise the proxy's port
 * (KafkaServer, `advertisedPorts`). By itself it passes everything on at once; each fault stays until it is taken back.
 * Faults hold for the connections that there are, and for later ones.
 */
export class FaultyProxy {
  readonly port: number
  readonly #server: Server
  readonly #random: () => number
  readonly #links = new Set<Link>()
  #target = 0
  #delayMs: readonly [number, number] = [0, 0]
  #bytesPerSecond = Number.POSITIVE_INFINITY
  #swallows = false
  #meanBytes = Number.POSITIVE_INFINITY
  #connections = 0
  #passedBytes = 0
  #cuts = 0

  private constructor(server: Server, port: number, seed: number) {
    this.#server = server
    this.port = port
    this.#random = seededRandom(seed)
  }

  /** Listens at once, and refuses nothing: connections before `target` is set are closed. */
  static async start(seed = 1): Promise<FaultyProxy> {
    const server = createServer({ allowHalfOpen: true })
    await listen(server, 0)
    const address = server.address()
    const proxy = new FaultyProxy(server, typeof address === 'object' && address !== null ? address.port : 0, seed)
    server.on('connection', (client) => proxy.#accept(client))
    return proxy
  }

  /** The port that it stands before. */
  set target(port: number) {
    this.#target = port
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#links.size
  }

  /** Connections that were taken so far. */
  get connections(): number {
    return this.#connections
  }

  /** Connections that were cut so far. */
  get cuts(): number {
    return this.#cuts
  }

  /** Bytes that were passed on, both ways together. */
  get passedBytes(): number {
    return this.#passedBytes
  }

  /** Resets every open connection, or each with a probability; tells how many. */
  cut(probability = 1): number {
    const doomed = [...this.#links].filter(() => probability >= 1 || this.#random() < probability)
    for (const link of doomed) this.#cut(link)
    return doomed.length
  }

  /** Cuts each connection after a number of bytes, in either direction, that is exponential with this mean; null: never. */
  cutAfter(meanBytes: number | null): void {
    this.#meanBytes = meanBytes ?? Number.POSITIVE_INFINITY
    for (const { pipes } of this.#links) for (const pipe of pipes) pipe.remaining = this.#lifeBytes()
  }

  /** Holds every chunk back by so long, up to `jitterMs` more; the order stays. */
  delay(ms: number, jitterMs = 0): void {
    this.#delayMs = [ms, jitterMs]
  }

  /** Bytes a second, for each connection and direction; null: no limit. */
  throttle(bytesPerSecond: number | null): void {
    this.#bytesPerSecond = bytesPerSecond ?? Number.POSITIVE_INFINITY
  }

  /**
   * Half-open: connections stay, and what is sent on them is lost, without a word to either side. Those that lived through
   * it are dead for ever, since they lack bytes; after `swallow(false)` new ones work.
   */
  swallow(on: boolean): void {
    this.#swallows = on
    if (on) for (const { pipes } of this.#links) for (const pipe of pipes) pipe.dead = true
  }

  /** Refuses new connections (ECONNREFUSED), or takes them again on the same port. Open ones stay. */
  async refuse(on: boolean): Promise<void> {
    if (on === !this.#server.listening) return
    // `close` calls back when the last connection has ended, which is not waited for: it listens no more at once.
    if (on) this.#server.close()
    else await listen(this.#server, this.port)
  }

  /** Takes every fault back. */
  async heal(): Promise<void> {
    this.delay(0)
    this.throttle(null)
    this.cutAfter(null)
    this.swallow(false)
    await this.refuse(false)
  }

  async stop(): Promise<void> {
    this.#server.close()
    for (const link of this.#links) destroy(link)
    this.#links.clear()
  }

  #accept(client: Socket): void {
    this.#connections++
    const broker = connect({ host: HOST, port: this.#target, allowHalfOpen: true })
    client.setNoDelay(true)
    broker.setNoDelay(true)
    const pipes = [new Pipe(client, broker, this.#shape()), new Pipe(broker, client, this.#shape())]
    const link: Link = { client, broker, pipes }
    for (const pipe of pipes) {
      pipe.remaining = this.#lifeBytes()
      pipe.dead = this.#swallows
    }
    this.#links.add(link)
    // One side may have closed while bytes for the other are still held back: only an error ends both at once.
    let closed = 0
    const onClose = (): void => {
      if (++closed === 2) this.#links.delete(link)
    }
    const onError = (): void => {
      if (this.#links.delete(link)) destroy(link)
    }
    for (const socket of [client, broker]) socket.once('error', onError).once('close', onClose)
  }

  /** How a pipe is to behave, as it is when a chunk comes. */
  #shape(): ConstructorParameters<typeof Pipe>[2] {
    return {
      delayMs: () => this.#delayMs[0] + this.#random() * this.#delayMs[1],
      bytesPerSecond: () => this.#bytesPerSecond,
      passed: (bytes) => {
        this.#passedBytes += bytes
      },
      spent: (pipe) => {
        for (const link of this.#links) if (link.pipes.includes(pipe)) this.#cut(link)
      },
    }
  }

  #lifeBytes(): number {
    if (this.#meanBytes === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
    return -Math.log(1 - this.#random()) * this.#meanBytes
  }

  #cut(link: Link): void {
    if (!this.#links.delete(link)) return
    this.#cuts++
    destroy(link)
  }
}

/** Both sides see a reset, as when a host has gone. */
function destroy({ client, broker, pipes }: Link): void {
  for (const pipe of pipes) pipe.stop()
  for (const socket of [client, broker]) {
    socket.on('error', () => {})
    socket.resetAndDestroy()
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
