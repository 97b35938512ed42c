import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { kafkaMissing, KafkaServer, type KafkaOptions } from '../../../scripts/lib/services/kafka.ts'
import { JavaPeer } from './java/java-peer.ts'

/** A running broker, and a Java client of it. */
interface Running {
  readonly server: KafkaServer
  readonly peer: JavaPeer
}

/**
 * That of the suites of this process that ask for nothing special, one after the other: a broker costs as much to start as
 * many of its tests, and a warm one works several times faster. Each suite finds it without topics.
 */
const common: { readonly root: string; running: Running | null } = {
  root: mkdtempSync(join(tmpdir(), 'tidemark-kafka-')),
  running: null,
}
after(async () => {
  if (common.running !== null) await stop(common.running)
  rmSync(common.root, { recursive: true, force: true })
})

/** A broker and a Java peer for the tests of one suite. */
export class SuiteBroker {
  /** For what the tests write. */
  readonly root: string
  #running: Running | null = null

  /**
   * To be called in a suite, or in a file for all of it: hooks start and stop the broker. It is the suite's own with options,
   * null for one that other suites of the process use too. `prepare` comes before the tests.
   */
  constructor(name: string, options: KafkaOptions | null, prepare?: (peer: JavaPeer) => Promise<void>) {
    this.root = mkdtempSync(join(tmpdir(), `tidemark-kafka-${name}-`))
    // The tests are skipped then, and say why.
    if (kafkaMissing() !== null) return
    before(async () => {
      this.#running = options === null ? await commonBroker() : await start(join(this.root, 'kafka'), options)
      await prepare?.(this.#running.peer)
    })
    after(async () => {
      if (options !== null && this.#running !== null) await stop(this.#running)
      rmSync(this.root, { recursive: true, force: true })
    })
  }

  get server(): KafkaServer {
    return this.#run().server
  }

  get peer(): JavaPeer {
    return this.#run().peer
  }

  #run(): Running {
    if (this.#running === null) throw new Error('the broker was not started')
    return this.#running
  }
}

async function commonBroker(): Promise<Running> {
  if (common.running === null) common.running = await start(join(common.root, 'kafka'), {})
  else for (const topic of await common.running.peer.topics()) await common.running.peer.deleteTopic(topic)
  return common.running
}

async function start(directory: string, options: KafkaOptions): Promise<Running> {
  const server = await KafkaServer.start(directory, options)
  try {
    return { server, peer: await JavaPeer.start(server.brokers) }
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function stop({ server, peer }: Running): Promise<void> {
  await peer.kill()
  await server.stop()
}
