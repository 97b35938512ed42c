import { isTidemarkError, TidemarkError } from 'tidemark/system'
import type { ClusterPort } from '../cluster-port.ts'
import { refusal } from '../net/kafka-errors.ts'
import { mayRetry } from '../net/retry.ts'
import type { Identity } from '../produce/stamp.ts'
import { verdictOf } from '../produce/verdict.ts'
import type { TopicPartition } from '../wire/api.ts'
import { addPartitionsToTxn, describeTransactions, type TransactionState } from '../wire/open-transactions.ts'
import { endTxn, initProducerId, type ProducerAnswer, txnOffsetCommit } from '../wire/transactions.ts'
import { byTopic } from './by-topic.ts'
import type { Answer } from './transaction-machine.ts'

/** Positions of a group, to be committed with the transaction. */
export interface GroupPositions {
  readonly group: string
  /** The next offset to read of each partition. */
  readonly positions: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[]
}

/** What came of one request: the fact for the machine, and either the producer of the next transaction or why. */
export interface Result {
  readonly fact: Answer
  readonly identity: Identity | null
  readonly error: TidemarkError | null
}

/** Of partitions that are sound, when another of the request is not. */
const OPERATION_NOT_ATTEMPTED = 55

const OK: Result = { fact: 'ok', identity: null, error: null }
export const NO_IDENTITY: Identity = { producerId: -1, epoch: -1 }

/** The requests of one transactional id to its coordinators, one attempt each. None rejects. */
export class CoordinatorRequests {
  readonly #cluster: ClusterPort
  readonly #id: string
  readonly #timeoutMs: number

  constructor(cluster: ClusterPort, transactionalId: string, timeoutMs: number) {
    this.#cluster = cluster
    this.#id = transactionalId
    this.#timeoutMs = timeoutMs
  }

  /** How the last transaction of this id stands. */
  async describe(withinMs: number): Promise<{ readonly state: TransactionState | null; readonly result: Result }> {
    try {
      const node = await this.#cluster.coordinator('transaction', this.#id)
      const ids = [this.#id]
      const [state = null] = await this.#cluster.request(node, describeTransactions, ids, 'control', withinMs)
      // That there is none, or that it is not to be told, is for the caller to take as it is.
      if (state === null || verdictOf(state.error) !== 'again') return { state, result: OK }
      const what = `DescribeTransactions of transactional id "${this.#id}"`
      const details = { transactionalId: this.#id }
      return { state: null, result: this.#refused('transaction', this.#id, what, state.error, details) }
    } catch (error) {
      return { state: null, result: this.#lost('transaction', this.#id, error) }
    }
  }

  /** With NO_IDENTITY whoever had the id before is fenced. */
  init(identity: Identity, withinMs: number): Promise<Result> {
    const { producerId, epoch: producerEpoch } = identity
    const q = { transactionalId: this.#id, transactionTimeoutMs: this.#timeoutMs, producerId, producerEpoch }
    return this.#attempt('InitProducerId', (node) =>
      this.#cluster.request(node, initProducerId, q, 'control', withinMs),
    )
  }

  /** Makes partitions part of the transaction, so that its markers go there too; what refuses the first decides. */
  async add(identity: Identity, partitions: readonly TopicPartition[], withinMs: number): Promise<Result> {
    const { producerId, epoch } = identity
    const q = { transactionalId: this.#id, producerId, producerEpoch: epoch, topics: byTopic(partitions) }
    const what = `AddPartitionsToTxn of transactional id "${this.#id}"`
    try {
      const node = await this.#cluster.coordinator('transaction', this.#id)
      const answer = await this.#cluster.request(node, addPartitionsToTxn, q, 'control', withinMs)
      const failed = answer.flatMap(({ topic, partitions: each }) => each.map((one) => ({ ...one, topic })))
      const first = failed.find(({ error }) => error !== 0 && error !== OPERATION_NOT_ATTEMPTED)
      if (first === undefined) return OK
      const where = `${what}, stream "${first.topic}", partition ${first.partition}`
      const details = { transactionalId: this.#id, stream: first.topic, partition: first.partition }
      return this.#refused('transaction', this.#id, where, first.error, details)
    } catch (error) {
      return this.#lost('transaction', this.#id, error)
    }
  }

  end(identity: Identity, commit: boolean, withinMs: number): Promise<Result> {
    const { producerId, epoch } = identity
    return this.#attempt(commit ? 'EndTxn(commit)' : 'EndTxn(abort)', async (node) =>
      this.#cluster.request(
        node,
        endTxn,
        { transactionalId: this.#id, producerId, producerEpoch: epoch, commit },
        'control',
        withinMs,
      ),
    )
  }

  /** Adds the group's positions to the open transaction; the first partition that is not `ok` decides. */
  async commitOffsets(identity: Identity, { group, positions }: GroupPositions, withinMs: number): Promise<Result> {
    const what = `TxnOffsetCommit of group "${group}" for transactional id "${this.#id}"`
    const grouped = new Map<string, { partition: number; offset: number; leaderEpoch: number; metadata: string }[]>()
    for (const { topic, partition, offset } of positions) {
      const entry = { partition, offset, leaderEpoch: -1, metadata: '' }
      const entries = grouped.get(topic)
      if (entries === undefined) grouped.set(topic, [entry])
      else entries.push(entry)
    }
    const { producerId, epoch } = identity
    const topics = [...grouped].map(([topic, partitions]) => ({ topic, partitions }))
    const q = { transactionalId: this.#id, group, producerId, producerEpoch: epoch, topics }
    try {
      const node = await this.#cluster.coordinator('group', group)
      const answer = await this.#cluster.request(node, txnOffsetCommit, q, 'control', withinMs)
      for (const { topic, partitions } of answer) {
        for (const { partition, error } of partitions) {
          if (error === 0) continue
          const where = `${what}, stream "${topic}", partition ${partition}`
          return this.#refused('group', group, where, error, { group, stream: topic, partition })
        }
      }
      return OK
    } catch (error) {
      return this.#lost('group', group, error)
    }
  }

  async #attempt(name: string, ask: (node: number) => Promise<ProducerAnswer>): Promise<Result> {
    try {
      const node = await this.#cluster.coordinator('transaction', this.#id)
      const { error, producerId, producerEpoch } = await ask(node)
      if (error === 0) return { fact: 'ok', identity: { producerId, epoch: producerEpoch }, error: null }
      const what = `${name} of transactional id "${this.#id}"`
      return this.#refused('transaction', this.#id, what, error, { transactionalId: this.#id })
    } catch (error) {
      return this.#lost('transaction', this.#id, error)
    }
  }

  #refused(
    kind: 'group' | 'transaction',
    key: string,
    what: string,
    code: number,
    details: Readonly<Record<string, string | number>>,
  ): Result {
    const verdict = verdictOf(code)
    if (verdict === 'again') this.#cluster.forgetCoordinator(kind, key)
    const fact = verdict === 'order' || verdict === 'ok' ? 'refused' : verdict
    return { fact, identity: null, error: refusal(what, code, null, details) }
  }

  /** The request, or its answer, did not arrive: it may have been carried out. */
  #lost(kind: 'group' | 'transaction', key: string, error: unknown): Result {
    this.#cluster.forgetCoordinator(kind, key)
    const known = isTidemarkError(error)
      ? error
      : new TidemarkError('ERR_INVARIANT', `a request failed by itself: ${String(error)}. Please report this.`, {
          cause: error,
        })
    return { fact: mayRetry(error) ? 'again' : 'refused', identity: null, error: known }
  }
}
