import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { kafkaMissing, KafkaServer, type KafkaOptions } from '../../../scripts/lib/services/kafka.ts'
import { JavaPeer } from './java/java-peer.ts'

/** A broker and a Java peer for the tests of one suite; all goes when the suite is over. */
export class SuiteBroker {
  /** For what the tests write. */
  readonly root: string
  #server: KafkaServer | null = null
  #peer: JavaPeer | null = null

  /** To be called in a suite, or in a file for all of it: hooks start and stop the broker. `prepare` comes before the tests. */
  constructor(name: string, options: KafkaOptions = {}, prepare?: (peer: JavaPeer) => Promise<void>) {
    this.root = mkdtempSync(join(tmpdir(), `tidemark-kafka-${name}-`))
    // The tests are skipped then, and say why.
    if (kafkaMissing() !== null) return
    before(async () => {
      this.#server = await KafkaServer.start(join(this.root, 'kafka'), options)
      this.#peer = await JavaPeer.start(this.#server.brokers)
      await prepare?.(this.#peer)
    })
    after(async () => {
      await this.#peer?.kill()
      await this.#server?.stop()
      rmSync(this.root, { recursive: true, force: true })
    })
  }

  get server(): KafkaServer {
    if (this.#server === null) throw new Error('the broker was not started')
    return this.#server
  }

  get peer(): JavaPeer {
    if (this.#peer === null) throw new Error('the peer was not started')
    return this.#peer
  }
}
