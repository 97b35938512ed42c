import { type Clock, isTidemarkError, type StateLoader, TidemarkError, type Transaction } from 'tidemark/system'
import { readIdentity, writeIdentity } from '../host/identity-cell.ts'
import type { CoveredFiles } from '../host/local-state.ts'
import { IN_BULK, readingPartition } from '../host/partition-watch.ts'
import { readLast } from '../host/read-last.ts'
import { loadHistory } from '../host/state-partition.ts'
import type { PortData, ProducerSession, TaskPlace } from '../host/shared-plan.ts'
import { positionsGroup } from '../host/topic-names.ts'
import type { Cluster } from '../net/cluster.ts'
import { COMMIT_KEY } from '../state/commit-record.ts'
import { StateBatches } from '../state/state-batches.ts'
import { StoreTable } from '../state/store-table.ts'
import { TransactionalProducer } from '../txn/transactional-producer.ts'
import { EarlyOutputs, type EarlyProducer } from './early-outputs.ts'

export interface CommitSessionOptions {
  readonly session: ProducerSession
  readonly cluster: Cluster
  readonly clock: Clock
  readonly covered: CoveredFiles
  readonly plan: PortData
  /** Of all sessions of the thread. */
  readonly early: EarlyProducer
}

/** `ends`: by place in the parts, the offset behind them; empty if they are not known. */
export type SessionOutcome =
  | { readonly kind: 'committed'; readonly ends: readonly number[] }
  | { readonly kind: 'fenced' }

/** Batches for one partition, in order. */
export interface Part {
  readonly topic: string
  readonly partition: number
  readonly batches: readonly Uint8Array[]
}

interface KeptCommit {
  readonly id: number
  readonly offset: number
  readonly atMs: number
  readonly checkpoint: Uint8Array
}

interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

const utf8 = new TextEncoder()

/** The commits of one producer, one after the other: outputs, deltas and the commit record in one transaction. */
export class CommitSession {
  readonly task: TaskPlace | null
  readonly #options: CommitSessionOptions
  readonly #txn: TransactionalProducer
  readonly #table: StoreTable
  readonly #key: Uint8Array
  readonly #early: EarlyOutputs
  /** The commit before: they are made one after the other, in the order of the calls. */
  #before: Promise<unknown> = Promise.resolve()
  /** What ended the session: a commit behind one that came to nothing must not be made. */
  #broken: SessionOutcome | TidemarkError | null = null
  /** Commits that local files do not have yet, oldest first. */
  #commits: KeptCommit[] = []

  constructor(options: CommitSessionOptions) {
    const { session, cluster, clock, plan } = options
    this.#options = options
    this.task = session.task
    this.#table = new StoreTable(session.stores)
    this.#key = session.key === null ? COMMIT_KEY : utf8.encode(session.key)
    this.#txn = new TransactionalProducer({
      cluster,
      transactionalId: session.transactionalId,
      timeoutMs: plan.commitTimeoutMs,
      clock,
      resume: {
        identity: readIdentity(session.identity),
        partitions: [{ topic: session.topic, partition: session.partition }],
      },
      onState: () => writeIdentity(session.identity, this.#txn.identity),
    })
    this.#early = new EarlyOutputs(options.early)
    if (session.task !== null) this.#commits.push({ ...session.task.committed, atMs: clock.now() })
  }

  /**
   * `fenced`: another owner has the producer. Throws ERR_COMMIT_FAILED when nothing of the commit is visible or will be: the
   * task goes on from the checkpoint before.
   */
  commit(transaction: Transaction, parts: readonly Part[], positions: readonly Position[]): Promise<SessionOutcome> {
    const outcome = this.#before.then(async () => {
      if (this.#broken instanceof TidemarkError) throw this.#broken
      if (this.#broken !== null) return this.#broken
      try {
        const made = await this.#commit(transaction, parts, positions)
        if (made.kind === 'fenced') this.#broken = made
        return made
      } catch (error) {
        this.#broken = asFailed(transaction, error as Error)
        throw this.#broken
      }
    })
    this.#before = outcome.catch(() => {})
    return outcome
  }

  /** Sends outputs of the commit to come; it waits for them. */
  send(parts: readonly Part[]): void {
    this.#early.send(parts)
  }

  async #commit(
    transaction: Transaction,
    parts: readonly Part[],
    positions: readonly Position[],
  ): Promise<SessionOutcome> {
    const { session, clock, plan } = this.#options
    const { id, delta, checkpoint, producer } = transaction
    const atMs = clock.now()
    const record = { id, ownerEpoch: session.ownerEpoch, meta: session.meta, checkpoint }
    const changes = delta === null ? null : { id, bytes: delta }
    const batches = StateBatches.of(this.#table, atMs, producer, changes, record, this.#key)
    const { compression: codec = 'none' } = plan.options
    const own = { topic: session.topic, partition: session.partition, batches }
    const sent = [...parts, own].map((part) => ({ ...part, codec }))
    const group = positionsGroup(plan.job)
    // Outputs first: a state that is ahead of them would lose them.
    await this.#early.acknowledged()
    const outcome = await this.#txn.commit(sent, positions.length === 0 ? null : { group, positions })
    switch (outcome.kind) {
      case 'committed':
        this.#keep({ id, offset: (outcome.ends.at(-1) as number) - 1, atMs, checkpoint })
        return { kind: 'committed', ends: outcome.ends }
      case 'fenced':
        return { kind: 'fenced' }
      case 'aborted':
        throw failed(producer, id, outcome.error)
      case 'unknown':
        return this.#resolve({ id, atMs, checkpoint }, outcome.error)
    }
  }

  /** Nobody knows whether the commit was decided: asks who the owner is, which ends it, then looks (design/02). */
  async #resolve(commit: Omit<KeptCommit, 'offset'>, error: Error): Promise<SessionOutcome> {
    const { id } = commit
    const { session, cluster, clock } = this.#options
    if ((await this.#txn.resolve()) === 'fenced') return { kind: 'fenced' }
    const last = await readLast(cluster, clock, session, this.#key, this.#commits.at(-1)?.offset ?? null)
    if (last?.record.id !== id) throw failed(session.producer, id, error)
    this.#keep({ ...commit, offset: last.at })
    return { kind: 'committed', ends: [] }
  }

  /** `offset`: of the commit record. A broker that had the batch already may not say it: an earlier commit serves then. */
  #keep(commit: KeptCommit): void {
    if (commit.offset >= 0) this.#commits.push(commit)
  }

  /** Loads what the files of the task lack, where the claim left it to this. ERR_STATE_CORRUPT. */
  async restore(loader: StateLoader): Promise<void> {
    const { session, cluster } = this.#options
    const missing = session.task?.missing ?? null
    if (session.task === null || missing === null) return
    const { id } = session.task.committed
    const where = `${session.topic}, partition ${session.partition}`
    const to = { id, stores: session.stores, loader }
    await readingPartition(cluster, session, (source) => loadHistory(where, source, missing, to), IN_BULK)
    this.flushed(id)
  }

  /** What is under way is left as it is. */
  close(): void {
    this.#txn.close()
  }

  /** State files have all commits up to `id`. */
  flushed(id: number): void {
    const { session, covered } = this.#options
    if (session.task === null) return
    const newest = this.#commits.findLast((each) => each.id <= id)
    if (newest === undefined) return
    const { lineage, index, topicId } = session.task
    const { checkpoint: bytes, ...kept } = newest
    const { producer, ownerEpoch: epoch, meta } = session
    // A claim of a task that has committed nothing has no record.
    const checkpoint = new TextDecoder().decode(bytes)
    covered.write(lineage, index, { topicId, ...kept, commit: { producer, epoch, meta, checkpoint } })
    this.#commits = this.#commits.filter((each) => each.id >= newest.id)
  }
}

/** Whatever kept the outcome from being known: the task starts again, and its claim ends what is open. */
function asFailed({ producer, id }: Transaction, error: Error): TidemarkError {
  return isTidemarkError(error, 'ERR_COMMIT_FAILED') || isTidemarkError(error, 'ERR_INVARIANT')
    ? error
    : failed(producer, id, error)
}

function failed(producer: string, id: number, cause: Error): TidemarkError {
  return new TidemarkError(
    'ERR_COMMIT_FAILED',
    `commit ${id} of ${producer} was aborted: ${cause.message} Nothing of it is visible; its task goes on from the ` +
      'checkpoint before.',
    { cause },
  )
}
