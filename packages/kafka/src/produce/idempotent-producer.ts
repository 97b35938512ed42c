import { batchHeader as header, TidemarkError, type Clock, type WriteCodec } from 'tidemark/system'
import type { ClusterPort } from '../cluster-port.ts'
import { refusal } from '../net/kafka-errors.ts'
import { retrying } from '../net/retry.ts'
import { initProducerId } from '../wire/transactions.ts'
import { BatchSender, SendFailure } from './batch-sender.ts'
import { checkSize, type Identity, sequenceAfter, stamp } from './stamp.ts'

export interface IdempotentProducerOptions {
  readonly cluster: ClusterPort
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  /** How long a batch is tried, ms. */
  readonly timeoutMs: number
  readonly codec?: WriteCodec
}

/**
 * For at-least-once: each batch once and in order per partition while this producer lives, whatever is sent again. After a
 * failure nothing more is sent, since what follows would leave a gap: make another one and go on from the checkpoint.
 */
export class IdempotentProducer {
  readonly #options: IdempotentProducerOptions
  readonly #sender: BatchSender
  readonly #sequences = new Map<string, number>()
  #identity: Identity | null = null
  #failed: TidemarkError | null = null

  constructor(options: IdempotentProducerOptions) {
    this.#options = options
    this.#sender = new BatchSender({ ...options, transactionalId: null, ackTimeoutMs: options.timeoutMs })
  }

  /** Gets a producer id, from any broker. Rejects as Cluster.request, and with ERR_KAFKA_NOT_READY, DENIED, REFUSED. */
  async init(): Promise<Identity> {
    const { cluster, clock, random, timeoutMs } = this.#options
    const q = { transactionalId: null, transactionTimeoutMs: timeoutMs, producerId: -1, producerEpoch: -1 }
    const answer = await retrying({ clock, random, withinMs: timeoutMs }, async () => {
      const got = await cluster.request('any', initProducerId, q, 'control')
      if (got.error !== 0) throw refusal('InitProducerId of an idempotent producer', got.error, null)
      return got
    })
    this.#identity = { producerId: answer.producerId, epoch: answer.producerEpoch }
    return this.#identity
  }

  /**
   * Sends a finished batch, which is changed; `maxBytes` is what the topic takes, as far as known. Settles with its base offset once all in-sync replicas have it. Rejects with
   * ERR_KAFKA_RECORD_REFUSED, ERR_KAFKA_DENIED, or the last reason why it could not be sent in time.
   */
  async send(
    topic: string,
    partition: number,
    batch: Uint8Array,
    maxBytes: number = Number.POSITIVE_INFINITY,
  ): Promise<number> {
    if (this.#failed !== null) throw this.#failed
    const { clock, codec = 'none', timeoutMs } = this.#options
    if (this.#identity === null) throw new TidemarkError('ERR_INVARIANT', 'send before init. Please report this.')
    const key = `${partition} ${topic}`
    const sequence = this.#sequences.get(key) ?? 0
    const stamped = stamp(batch, this.#identity, sequence, { transactional: false, codec })
    // Before the sequence is taken: nothing is missing if it is not sent.
    checkSize(stamped, topic, partition, maxBytes)
    this.#sequences.set(key, sequenceAfter(sequence, header.recordCount(batch, 0)))
    this.#sender.deadlineMs = clock.monotonicMs() + timeoutMs
    try {
      return await this.#sender.send(topic, partition, stamped)
    } catch (error) {
      this.#failed = error instanceof SendFailure ? error.cause : (error as TidemarkError)
      throw this.#failed
    }
  }
}
