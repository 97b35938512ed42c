import { batchHeader, systemClock } from 'tidemark/system'
import type { Cluster } from '../../src/net/cluster.ts'
import type { Api } from '../../src/wire/api.ts'
import { addPartitionsToTxn } from '../../src/wire/open-transactions.ts'
import type { ProduceRequest } from '../../src/wire/produce.ts'
import { FaultyCluster } from './broker.ts'

/** Of a broker for LosingCluster: it takes what its coordinator was not told of, as it did before Kafka 4. */
export const NO_VERIFICATION = { 'transaction.partition.verification.enable': 'false' } as const

/** A topic of one partition, which alone gets the markers that are not lost. */
export const ASIDE = 'aside'

/**
 * Makes a broker lose markers on demand: batches are written as clients before Kafka 4 did, but without telling the
 * coordinator of the partitions. It ends the transaction, and no marker comes: what is left is the same as after a broker was
 * killed between its answer and the markers (broker-deaths.integration.test.ts has those).
 */
export class LosingCluster extends FaultyCluster {
  losesMarkers = true
  readonly #whole: Cluster

  constructor(cluster: Cluster) {
    super(cluster)
    this.#whole = cluster
  }

  override async request<Q, R>(
    node: number | 'any',
    api: Api<Q, R>,
    q: Q,
    lane: 'produce' | 'control',
    timeoutMs?: number,
  ): Promise<R> {
    if (api.name !== 'Produce' || !this.losesMarkers) return super.request(node, api, q, lane, timeoutMs)
    await this.#begin(q as ProduceRequest)
    return super.request(node, { ...api, minVersion: 11, version: 11 }, q, lane, timeoutMs)
  }

  /** Something has to be part of the transaction, or it cannot be ended. */
  async #begin({ transactionalId, topics }: ProduceRequest): Promise<void> {
    const batch = topics[0]?.partitions[0]?.batch[0]
    if (transactionalId === null || batch === undefined) return
    const producer = {
      producerId: batchHeader.producerId(batch, 0),
      producerEpoch: batchHeader.producerEpoch(batch, 0),
    }
    const added = { transactionalId, ...producer, topics: [{ topic: ASIDE, partitions: [0] }] }
    for (;;) {
      const coordinator = await this.#whole.coordinator('transaction', transactionalId)
      const [answer] = await this.#whole.request(coordinator, addPartitionsToTxn, added, 'control')
      if (answer?.partitions[0]?.error !== CONCURRENT_TRANSACTIONS) return
      await systemClock.sleep(10)
    }
  }
}

const CONCURRENT_TRANSACTIONS = 51
