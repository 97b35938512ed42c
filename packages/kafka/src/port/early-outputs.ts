import type { Clock, WriteCodec } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { IdempotentProducer } from '../produce/idempotent-producer.ts'
import type { Part } from './commit-session.ts'

export interface EarlyProducerOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly timeoutMs: number
  readonly codec: WriteCodec
}

/**
 * The producer of all tasks of a thread, so that what they send in one turn of the event loop shares requests; it begins with
 * the first use. Once something could not be sent nothing more can: all tasks of the thread start again.
 */
export class EarlyProducer {
  readonly #options: EarlyProducerOptions
  #producer: Promise<IdempotentProducer> | null = null

  constructor(options: EarlyProducerOptions) {
    this.#options = options
  }

  /** Settles when all in-sync replicas have all of it. Rejects with why something is not there. */
  async send(parts: readonly Part[]): Promise<void> {
    this.#producer ??= this.#start()
    const producer = await this.#producer
    await Promise.all(
      parts.flatMap(({ topic, partition, batches }) => batches.map((each) => producer.send(topic, partition, each))),
    )
  }

  async #start(): Promise<IdempotentProducer> {
    const { cluster, clock, timeoutMs, codec } = this.#options
    const producer = new IdempotentProducer({ cluster, clock, random: cluster.random, timeoutMs, codec })
    await producer.init()
    return producer
  }
}

/** Outputs of one task under delivery `at-least-once`: sent in order, each once while this lives, and waited for by commits. */
export class EarlyOutputs {
  readonly #producer: EarlyProducer
  /** All that was sent so far; rejects with the first that could not be. */
  #sent: Promise<unknown> = Promise.resolve()

  constructor(producer: EarlyProducer) {
    this.#producer = producer
  }

  send(parts: readonly Part[]): void {
    this.#sent = Promise.all([this.#sent, this.#producer.send(parts)])
    // Whoever commits is told.
    this.#sent.catch(() => {})
  }

  /** Settles when all that was sent before is acknowledged by all in-sync replicas. Rejects with why something is not. */
  async acknowledged(): Promise<void> {
    await this.#sent
  }
}
