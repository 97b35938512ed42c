import { batchHeader as header, TidemarkError } from 'tidemark/system'
import type { ClusterPort } from '../../src/cluster-port.ts'
import type { Api, PartitionError, TopicPartitions } from '../../src/wire/api.ts'
import type { AddPartitionsRequest, PartitionProducers, TransactionState } from '../../src/wire/open-transactions.ts'
import type { ProducedPartition, ProduceRequest } from '../../src/wire/produce.ts'
import type {
  EndTxnRequest,
  InitProducerIdRequest,
  ProducerAnswer,
  TxnOffsetCommitRequest,
} from '../../src/wire/transactions.ts'

const CODE = {
  concurrent: 51,
  fenced: 90,
  oldEpoch: 47,
  state: 48,
  mapping: 49,
  notLeader: 6,
  order: 45,
  notCoordinator: 16,
}
const EPOCHS = 32_767

/** What happens to a request: carried out and answered, lost before or after it was carried out, or refused for now. */
export type Fate = 'arrives' | 'lost-before' | 'lost-after' | 'busy'

/** Batches of a partition that have no marker yet. */
interface Unmarked {
  readonly producerId: number
  readonly epoch: number
  readonly batches: string[]
}

/**
 * A broker in memory that is leader of everything and coordinator of one transactional id, with the answers that a broker of
 * 4.3.1 gives to transactions v2. Each request has the fate that `fates` gives; when they are used up, all arrive.
 */
export class CoordinatorModel implements ClusterPort {
  /** Values that readers see: batches of committed transactions, by the sequence of their partition. */
  readonly committed: string[] = []
  readonly aborted: string[] = []
  positions: number | null = null
  state: 'empty' | 'ongoing' | 'commit' | 'abort' = 'empty'
  producerId = 1
  epoch = -1
  #lastEpoch = -1
  /** How transactions were ended, in order; those without a record (that mend another) too. */
  readonly decided: ('commit' | 'abort')[] = []
  /** True: the markers of what ends next are lost, as by a broker that is killed right after its answer. */
  losesMarkers = false
  /** By partition: what is open, or has ended without a marker. */
  readonly #unmarked = new Map<number, Unmarked>()
  /** Partitions of the transaction that is open. */
  #partitions = new Set<number>()
  #openPositions: number | null = null
  #sequences = new Map<number, number>()
  readonly fates: Fate[]
  requests = 0

  constructor(fates: readonly Fate[] = []) {
    this.fates = [...fates]
  }

  async request<Q, R>(_node: number | 'any', api: Api<Q, R>, q: Q): Promise<R> {
    this.requests++
    const fate = this.fates.shift() ?? 'arrives'
    await Promise.resolve()
    if (fate === 'lost-before') throw lost()
    const answer = this.#answer(api.name, q, fate === 'busy') as R
    if (fate === 'lost-after') throw lost()
    return answer
  }

  async leader(): Promise<{ node: number }> {
    return { node: 1 }
  }

  forgetTopic(): void {}

  async coordinator(): Promise<number> {
    return 1
  }

  forgetCoordinator(): void {}

  /** Batches that readers do not see, and whoever ends the next transaction there decides about. */
  get unmarked(): readonly string[] {
    return [...this.#unmarked.values()].flatMap(({ batches }) => batches)
  }

  /** Another owner: the transaction that is open is aborted. */
  takeOver(): void {
    if (this.state === 'ongoing') this.#end(false)
    this.epoch++
    this.#lastEpoch = -1
    this.state = 'empty'
  }

  /** The coordinator's timeout. */
  timeOut(): void {
    if (this.state === 'ongoing') this.#end(false)
  }

  #answer(name: string, q: unknown, busy: boolean): unknown {
    switch (name) {
      case 'InitProducerId':
        return busy ? refusedBy(CODE.concurrent) : this.#init(q as InitProducerIdRequest)
      case 'DescribeTransactions':
        return this.#describe(q as readonly string[])
      case 'DescribeProducers':
        return this.#describeProducers(q as readonly TopicPartitions<number>[], busy)
      case 'AddPartitionsToTxn':
        return this.#add(q as AddPartitionsRequest, busy)
      case 'EndTxn':
        return busy ? refusedBy(CODE.notCoordinator) : this.#endTxn(q as EndTxnRequest)
      case 'Produce':
        return this.#produce(q as ProduceRequest, busy)
      case 'TxnOffsetCommit':
        return this.#offsets(q as TxnOffsetCommitRequest, busy)
      default:
        throw new Error(`the model does not know ${name}`)
    }
  }

  #init({ producerId, producerEpoch }: InitProducerIdRequest): ProducerAnswer {
    const isOwn = producerId !== -1
    if (isOwn && producerId !== this.producerId) return refusedBy(CODE.fenced)
    if (this.state === 'ongoing') {
      this.#end(false)
      return refusedBy(CODE.concurrent)
    }
    if (isOwn && producerEpoch !== this.epoch) {
      if (producerEpoch !== this.#lastEpoch) return refusedBy(CODE.fenced)
      this.state = 'empty'
      return this.#identity()
    }
    this.#lastEpoch = isOwn ? this.epoch : -1
    this.#raise()
    this.state = 'empty'
    return this.#identity()
  }

  /** The table of KIP-890 (transactions v2): what a retry and what a request of the current epoch is answered. */
  #endTxn({ producerId, producerEpoch, commit }: EndTxnRequest): ProducerAnswer {
    if (producerId !== this.producerId) return refusedBy(CODE.mapping)
    const isCurrent = producerEpoch === this.epoch
    const isRetry = producerEpoch === this.epoch - 1
    if (this.state === 'ongoing' || this.state === 'empty') {
      if (!isCurrent) return refusedBy(CODE.fenced)
      if (this.state === 'empty' && commit) return refusedBy(CODE.state)
      this.#end(commit)
      return this.#identity()
    }
    if (isRetry) return (this.state === 'commit') === commit ? this.#identity() : refusedBy(CODE.state)
    if (!isCurrent) return refusedBy(CODE.fenced)
    if (commit) return refusedBy(CODE.state)
    this.#end(false)
    return this.#identity()
  }

  #produce(q: ProduceRequest, busy: boolean): TopicPartitions<ProducedPartition>[] {
    return q.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, batch }) => ({
        partition,
        error: busy ? CODE.notLeader : this.#append(partition, batch[0] as Uint8Array),
        baseOffset: 0,
        appendTimeMs: -1,
        logStart: 0,
        recordErrors: [],
        message: null,
      })),
    }))
  }

  #describe(ids: readonly string[]): TransactionState[] {
    const names = { empty: 'Empty', ongoing: 'Ongoing', commit: 'CompleteCommit', abort: 'CompleteAbort' }
    return ids.map((transactionalId) => ({
      error: 0,
      transactionalId,
      state: names[this.state],
      producerId: this.producerId,
      producerEpoch: this.epoch,
    }))
  }

  #describeProducers(topics: readonly TopicPartitions<number>[], busy: boolean): TopicPartitions<PartitionProducers>[] {
    return topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((partition) => {
        const found = this.#unmarked.get(partition)
        const producer = { producerId: found?.producerId ?? 0, producerEpoch: found?.epoch ?? 0, transactionStart: 1 }
        const error = busy ? CODE.notLeader : 0
        return { partition, error, message: null, producers: found === undefined || busy ? [] : [producer] }
      }),
    }))
  }

  #add(q: AddPartitionsRequest, busy: boolean): TopicPartitions<PartitionError>[] {
    const isOwner = q.producerId === this.producerId && q.producerEpoch === this.epoch
    if (isOwner && !busy && this.state !== 'ongoing') this.#begin()
    return q.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((partition) => {
        if (isOwner && !busy) this.#partitions.add(partition)
        return { partition, error: busy ? CODE.concurrent : isOwner ? 0 : CODE.fenced }
      }),
    }))
  }

  #append(partition: number, batch: Uint8Array): number {
    if (header.producerId(batch, 0) !== this.producerId || header.producerEpoch(batch, 0) !== this.epoch)
      return CODE.oldEpoch
    const sequence = header.baseSequence(batch, 0)
    const expected = this.state === 'ongoing' ? (this.#sequences.get(partition) ?? 0) : 0
    if (sequence < expected) return 0
    if (sequence > expected) return CODE.order
    if (this.state !== 'ongoing') this.#begin()
    this.#sequences.set(partition, sequence + header.recordCount(batch, 0))
    this.#partitions.add(partition)
    const text = `${partition}:${Buffer.from(batch).subarray(header.HEADER_BYTES).toString('latin1')}`
    const { producerId, epoch } = this
    const before = this.#unmarked.get(partition)
    // What has no marker is ended by the next, whatever it is: a broker of 4.3.1 knows one transaction of a producer.
    const batches = [...(before?.batches ?? []), text]
    this.#unmarked.set(partition, { producerId, epoch: before?.epoch ?? epoch, batches })
    return 0
  }

  #offsets(q: TxnOffsetCommitRequest, busy: boolean): unknown {
    const isOwner = q.producerId === this.producerId && q.producerEpoch === this.epoch
    if (!busy && isOwner) {
      if (this.state !== 'ongoing') this.#begin()
      this.#openPositions = q.topics[0]?.partitions[0]?.offset ?? null
    }
    const error = busy ? CODE.concurrent : isOwner ? 0 : CODE.fenced
    return q.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, error })),
    }))
  }

  #begin(): void {
    this.state = 'ongoing'
    this.#sequences = new Map()
    this.#partitions = new Set()
  }

  #end(commit: boolean): void {
    for (const partition of this.losesMarkers ? [] : this.#partitions) {
      ;(commit ? this.committed : this.aborted).push(...(this.#unmarked.get(partition)?.batches ?? []))
      this.#unmarked.delete(partition)
    }
    this.decided.push(commit ? 'commit' : 'abort')
    this.losesMarkers = false
    this.#partitions = new Set()
    if (commit && this.#openPositions !== null) this.positions = this.#openPositions
    this.#openPositions = null
    this.state = commit ? 'commit' : 'abort'
    this.#lastEpoch = this.epoch
    this.#raise()
  }

  #raise(): void {
    this.epoch++
    if (this.epoch < EPOCHS) return
    this.epoch = 0
    this.producerId++
  }

  #identity(): ProducerAnswer {
    return { error: 0, producerId: this.producerId, producerEpoch: this.epoch }
  }
}

function refusedBy(error: number): ProducerAnswer {
  return { error, producerId: -1, producerEpoch: -1 }
}

function lost(): TidemarkError {
  return new TidemarkError('ERR_KAFKA_CONNECTION', 'the connection broke. Try again.', { details: { sent: true } })
}
