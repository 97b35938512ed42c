import type { Clock, WriteCodec } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { IdempotentProducer } from '../produce/idempotent-producer.ts'
import type { Part } from './commit-session.ts'

/** How a task's outputs are sent before they are committed. */
export interface EarlyOutputsOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly timeoutMs: number
  readonly codec: WriteCodec
}

/** Outputs of one task under delivery `at-least-once`: sent in order, each once while this lives, and waited for by commits. */
export class EarlyOutputs {
  readonly #options: EarlyOutputsOptions
  #producer: Promise<IdempotentProducer> | null = null
  /** All that was sent so far; rejects with the first that could not be. */
  #sent: Promise<unknown> = Promise.resolve()

  constructor(options: EarlyOutputsOptions) {
    this.#options = options
  }

  send(parts: readonly Part[]): void {
    this.#producer ??= this.#start()
    const before = this.#sent
    const mine = this.#producer.then((producer) =>
      Promise.all(
        parts.flatMap(({ topic, partition, batches }) => batches.map((each) => producer.send(topic, partition, each))),
      ),
    )
    this.#sent = Promise.all([before, mine])
    // Whoever commits is told.
    this.#sent.catch(() => {})
  }

  /** Settles when all that was sent before is acknowledged by all in-sync replicas. Rejects with why something is not. */
  async acknowledged(): Promise<void> {
    await this.#sent
  }

  async #start(): Promise<IdempotentProducer> {
    const { cluster, clock, timeoutMs, codec } = this.#options
    const producer = new IdempotentProducer({ cluster, clock, random: cluster.random, timeoutMs, codec })
    await producer.init()
    return producer
  }
}
