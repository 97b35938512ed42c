import {
  batchHeader as header,
  invariant,
  isTidemarkError,
  TidemarkError,
  type Clock,
  type WriteCodec,
} from 'tidemark/system'
import type { ClusterPort } from '../cluster-port.ts'
import { BatchSender, SendFailure } from '../produce/batch-sender.ts'
import { checkSize, type Identity, sequenceAfter, stamp } from '../produce/stamp.ts'
import { waitMs } from '../produce/waits.ts'
import type { TopicPartition } from '../wire/api.ts'
import { CoordinatorRequests, type GroupPositions, NO_IDENTITY, type Result } from './coordinator-requests.ts'
import { type Ended, Markers, type MarkersOutcome } from './markers.ts'
import type { Decision } from './open-transactions.ts'
import { settleCommit, takeOver, type Written } from './take-over.ts'
import { type Action, type Answer, type Fact, nextStep, type Phase } from './transaction-machine.ts'

export interface TransactionalProducerOptions {
  readonly cluster: ClusterPort
  readonly transactionalId: string
  /** After so long the coordinator aborts an open transaction, ms; at most the broker's transaction.max.timeout.ms. */
  readonly timeoutMs: number
  readonly clock: Clock
  /** Goes on as the owner that has this identity: its last transaction, in these partitions, was committed. */
  readonly resume?: { readonly identity: Identity; readonly partitions: readonly TopicPartition[] }
  /** Goes on as the owner that had this identity, whatever became of its last transaction: call `goOn` first. */
  readonly inherit?: Identity
  /** Told each change of phase. */
  readonly onState?: (phase: Phase) => void
}

/** Finished batches of one partition, in order: of BatchEncoder, with base offset 0 and no producer. They are changed. */
export interface Part {
  readonly topic: string
  readonly partition: number
  readonly batches: readonly Uint8Array[]
  /** How uncompressed batches are packed. Default `none`. */
  readonly codec?: WriteCodec
  /** The most bytes that the topic takes for a batch; the broker tells otherwise. */
  readonly maxBytes?: number
}

interface Stamped {
  /** Its part's place. */
  readonly part: number
  readonly topic: string
  readonly partition: number
  readonly batch: Uint8Array
}

/**
 * - `committed`: all of it is visible; `ends`: by place in the parts, the offset behind them, -1 if the broker did not say.
 * - `aborted`: nothing of it ever will be; the producer can go on with another transaction.
 * - `fenced`: another owner has the id. Stop, and ask who it is; whether this transaction was committed before, the partitions
 *   tell.
 * - `unknown`: it may be either; call `resolve`, never commit the same again before.
 */
export type Outcome =
  | { readonly kind: 'committed'; readonly ends: readonly number[] }
  | { readonly kind: 'aborted'; readonly error: TidemarkError }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'unknown'; readonly error: TidemarkError }

/** Of the transaction's time: for writing, and for each of what follows. Their sum is below 1, so that it does not run out. */
const WRITE_SHARE = 0.5
const END_SHARE = 0.2

/**
 * The transactions of one owner of one transactional id. One call at a time (but for `abort` and `close`). None is begun
 * before the markers of the one before are there: else a broker that has lost them would end both as the later is ended.
 */
export class TransactionalProducer {
  readonly #options: TransactionalProducerOptions
  readonly #requests: CoordinatorRequests
  #sender: BatchSender
  #phase: Phase = 'fresh'
  #identity: Identity = NO_IDENTITY
  #abortAsked = false
  #failures = 0
  #lastError: TidemarkError | null = null
  #cause: TidemarkError | null = null
  #deadlineMs = 0
  #ends: number[] = []
  #settled: 'committed' | 'aborted' | null = null
  /** Of the transaction under way. */
  #sent: Omit<Ended, 'decision'> = { producerId: -1, partitions: [] }
  readonly #markers: Markers
  #taken: Written | null = null
  #suspects: readonly TopicPartition[] = []

  constructor(options: TransactionalProducerOptions) {
    const { cluster, transactionalId, timeoutMs } = options
    this.#options = options
    this.#requests = new CoordinatorRequests(cluster, transactionalId, timeoutMs)
    this.#sender = this.#newSender()
    this.#markers = new Markers({ cluster, clock: options.clock, transactionalId, mend: () => this.#mend() })
    if (options.resume !== undefined) {
      const { identity, partitions } = options.resume
      this.#identity = identity
      this.#markers.expect({ decision: 'commit', producerId: identity.producerId, partitions })
      this.#phase = 'ready'
    }
    if (options.inherit !== undefined) {
      this.#identity = options.inherit
      this.#phase = 'unsure'
    }
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Of the next transaction. */
  get identity(): Identity {
    return this.#identity
  }

  /** After `resolve`: how the transaction ended, as far as the coordinator said; the state partition has the last word. */
  get settled(): 'committed' | 'aborted' | null {
    return this.#settled
  }

  /**
   * Becomes the owner; whoever was before is fenced, and what it has ended is ended everywhere: `place` says where to look
   * for what brokers have lost. Once per granted ownership. Rejects with what kept it from it for half of `timeoutMs`:
   * ERR_KAFKA_NOT_READY, ERR_KAFKA_DENIED, ERR_KAFKA_REFUSED and those of the connection.
   */
  async init(place: Written | null = null): Promise<Identity> {
    this.#taken = place
    const report = await this.#run('init', WRITE_SHARE)
    if (report !== 'report-ready') throw this.#failure(report)
    if (place === null) return this.#identity
    const { producerId } = this.#identity
    this.#markers.expect({ decision: 'abort', producerId, partitions: this.#suspects })
    const markers = await this.#markersCome(WRITE_SHARE)
    if (markers === 'fenced') throw this.#failure('report-fenced')
    if (markers !== 'there') throw markers
    return this.#identity
  }

  /**
   * Writes all parts and the group's positions in one transaction and commits it; settles when the markers are there, or
   * could not be had for a fifth of `timeoutMs`. With nothing to write, it is committed without a request. The last part
   * stands for all when markers are looked for: no other producer should be busy in its partition. Never rejects but for
   * misuse (ERR_INVARIANT).
   */
  async commit(parts: readonly Part[], offsets: GroupPositions | null): Promise<Outcome> {
    const filled = parts.filter(({ batches }) => batches.length > 0)
    const isEmpty = filled.length === 0
    if (isEmpty && (offsets === null || offsets.positions.length === 0) && this.#phase === 'ready') {
      return { kind: 'committed', ends: parts.map(() => -1) }
    }
    const before = await this.#markersCome(WRITE_SHARE)
    if (before === 'fenced') return { kind: 'fenced' }
    if (before !== 'there') return { kind: 'aborted', error: before }
    const { producerId } = this.#identity
    this.#sent = { producerId, partitions: filled.map(({ topic, partition }) => ({ topic, partition })) }
    const report = await this.#run('commit', WRITE_SHARE, () => this.#write(parts, offsets))
    if (report === 'report-fenced') return { kind: 'fenced' }
    if (report === 'report-committed') {
      const ends = this.#ends
      await this.#over('commit')
      return { kind: 'committed', ends }
    }
    const error = this.#failure(report)
    if (report !== 'report-aborted') return { kind: 'unknown', error }
    await this.#over('abort')
    return { kind: 'aborted', error }
  }

  /**
   * After `unknown`: makes sure that the transaction has ended, one way or the other, and tells whether this is still the
   * owner. Then, with all markers there, read the state partition to its end: present is committed, absent is aborted.
   * Rejects if that cannot be had for a fifth of `timeoutMs`; it may be called again.
   */
  async resolve(): Promise<'owner' | 'fenced'> {
    const report = await this.#run('resolve', END_SHARE)
    if (report === 'report-fenced') return 'fenced'
    if (report !== 'report-owner') throw this.#failure(report)
    if (this.#settled !== null) await this.#over(this.#settled === 'committed' ? 'commit' : 'abort')
    const markers = await this.#markersCome(END_SHARE)
    if (markers === 'fenced') return 'fenced'
    if (markers !== 'there') throw markers
    return 'owner'
  }

  /**
   * As the owner whose thread has died: ends what may be open, and what it has ended is ended everywhere; `place` as for
   * `init`. `fenced`: another has taken over, whom this one has done no harm. Rejects as `resolve`.
   */
  async goOn(place: Written): Promise<'owner' | 'fenced'> {
    const { clock, cluster, timeoutMs } = this.#options
    const untilMs = clock.monotonicMs() + timeoutMs * END_SHARE
    for (let tries = 1; ; tries++) {
      const { result } = await settleCommit(this.#requests, cluster, place, Math.max(1, untilMs - clock.monotonicMs()))
      if (result.fact === 'ok') break
      this.#lastError = result.error
      const wait = waitMs(tries)
      if (result.fact !== 'again' || clock.monotonicMs() + wait > untilMs) throw this.#failure('report-failed')
      await clock.sleep(wait)
    }
    // What has no marker from here on was aborted, wherever it was written to.
    this.#sent = { producerId: this.#identity.producerId, partitions: [...place.outputs, place.own] }
    return this.resolve()
  }

  /** A transaction has ended: waits for its markers, for as long as one should; what comes next waits for longer. */
  async #over(decision: Decision): Promise<void> {
    this.#markers.expect({ decision, ...this.#sent })
    await this.#markersCome(END_SHARE)
  }

  /** Whether the markers of the last transaction are there; writes them itself when they do not come. */
  #markersCome(share: number): Promise<MarkersOutcome> {
    const { clock, timeoutMs } = this.#options
    return this.#markers.come(clock.monotonicMs() + timeoutMs * share)
  }

  async #mend(): Promise<'mended' | 'fenced' | TidemarkError> {
    const report = await this.#run(`mend-${this.#markers.ended?.decision ?? 'commit'}`, END_SHARE)
    if (report === 'report-mended') return 'mended'
    return report === 'report-fenced' ? 'fenced' : this.#failure(report)
  }

  /** The commit under way is aborted, if that is still possible: its outcome tells. */
  abort(): void {
    const { action } = nextStep(this.#phase, 'abort')
    invariant(action === 'none', 'abort of a transaction decides nothing by itself')
    if (this.#phase !== 'writing') return
    this.#abortAsked = true
    this.#sender.drop(new SendFailure('abortable', this.#abortError()))
  }

  /** Forgets everything here; a transaction that is open is left to its timeout, or to the next owner. */
  close(): void {
    this.#enter(nextStep(this.#phase, 'close').phase)
    this.#markers.close()
    this.#sender.drop(new SendFailure('abortable', this.#abortError()))
  }

  async #run(call: Fact, share: number, write: () => Promise<Result> = impossible): Promise<Action> {
    this.#lastError = null
    this.#cause = null
    this.#failures = 0
    if (call === 'commit') this.#settled = null
    this.#deadlineMs = this.#options.clock.monotonicMs() + this.#options.timeoutMs * share
    let fact: Fact = call
    for (;;) {
      const from = this.#phase
      const { phase, action } = nextStep(from, fact)
      invariant(action !== 'misuse', `${fact} of a transactional producer that is ${from}`)
      invariant(action !== 'impossible', `a transactional producer that is ${from} was answered ${fact}`)
      this.#note(from, phase, fact)
      this.#enter(phase)
      if (action.startsWith('report-')) return action
      if (phase === 'closed') return 'report-unknown'
      fact = await this.#act(action, fact === 'again', write)
    }
  }

  /** Keeps why a transaction fails, and gives each part of it its own time. */
  #note(from: Phase, phase: Phase, fact: Fact): void {
    if (from === 'checking' && fact === 'ok') this.#settled = 'aborted'
    if (from === 'checking' && fact === 'state') this.#settled = 'committed'
    if (from === phase || phase === 'recommitting') return
    this.#failures = 0
    if (from !== 'writing' && from !== 'committing' && from !== 'recommitting') return
    if (phase === 'aborting' || phase === 'reviving') this.#cause = this.#lastError
    this.#deadlineMs = this.#options.clock.monotonicMs() + this.#options.timeoutMs * END_SHARE
  }

  #enter(phase: Phase): void {
    if (phase === this.#phase) return
    this.#phase = phase
    this.#options.onState?.(phase)
  }

  async #act(action: Action, isRetry: boolean, write: () => Promise<Result>): Promise<Answer> {
    const { clock } = this.#options
    if (isRetry) {
      const wait = waitMs(++this.#failures)
      if (clock.monotonicMs() + wait > this.#deadlineMs) return 'deadline'
      await clock.sleep(wait)
    }
    const result = await this.#request(action, Math.max(1, this.#deadlineMs - clock.monotonicMs()), write)
    if (result.error !== null) this.#lastError = result.error
    if (result.identity !== null) this.#identity = result.identity
    return result.fact
  }

  #request(action: Action, withinMs: number, write: () => Promise<Result>): Promise<Result> {
    switch (action) {
      case 'init':
        return this.#taken === null ? this.#requests.init(NO_IDENTITY, withinMs) : this.#takeOver(this.#taken, withinMs)
      case 'rejoin':
        return this.#requests.init(this.#identity, withinMs)
      case 'end-commit':
        return this.#requests.end(this.#identity, true, withinMs)
      case 'end-abort':
        return this.#requests.end(this.#identity, false, withinMs)
      case 'end-same':
        return this.#requests.end(this.#identity, this.#markers.ended?.decision === 'commit', withinMs)
      case 'add':
        return this.#requests.add(this.#identity, this.#markers.ended?.partitions ?? [], withinMs)
      case 'write':
        return write()
      default:
        return impossible()
    }
  }

  async #takeOver(place: Written, withinMs: number): Promise<Result> {
    const { result, suspects } = await takeOver(this.#requests, this.#options.cluster, place, withinMs)
    this.#suspects = suspects
    return result
  }

  /** Everything at once: the coordinator adds partitions and group by itself. The worst answer counts. */
  async #write(parts: readonly Part[], offsets: GroupPositions | null): Promise<Result> {
    this.#abortAsked = false
    let stamped: readonly Stamped[]
    try {
      stamped = stampAll(parts, this.#identity)
    } catch (error) {
      if (!isTidemarkError(error, 'ERR_KAFKA_RECORD_REFUSED')) throw error
      return { fact: 'refused', identity: null, error }
    }
    // A sender of its own: what a transaction before has given up may still be on its way, with another epoch.
    this.#sender = this.#newSender()
    this.#sender.deadlineMs = this.#deadlineMs
    const sent: Promise<Result>[] = []
    const ends = parts.map(() => -1)
    this.#ends = ends
    for (const { part, topic, partition, batch } of stamped) {
      const count = header.lastOffsetDelta(batch, 0) + 1
      sent.push(
        this.#sender.send(topic, partition, batch).then((baseOffset) => {
          if (baseOffset >= 0) ends[part] = Math.max(ends[part] as number, baseOffset + count)
          return written()
        }, givenUp),
      )
    }
    if (offsets !== null && offsets.positions.length > 0) sent.push(this.#commitOffsets(offsets))
    const worst = worstOf(await Promise.all(sent))
    return this.#abortAsked && worst.fact === 'ok' ? { ...worst, fact: 'abortable', error: this.#abortError() } : worst
  }

  async #commitOffsets(offsets: GroupPositions): Promise<Result> {
    const { clock } = this.#options
    for (let failures = 1; ; failures++) {
      const withinMs = Math.max(1, this.#deadlineMs - clock.monotonicMs())
      const result = await this.#requests.commitOffsets(this.#identity, offsets, withinMs)
      if (result.fact !== 'again' || this.#abortAsked || this.#phase !== 'writing') return result
      const wait = waitMs(failures)
      if (clock.monotonicMs() + wait > this.#deadlineMs) return { ...result, fact: 'deadline' }
      await clock.sleep(wait)
    }
  }

  #newSender(): BatchSender {
    const { cluster, clock, transactionalId, timeoutMs } = this.#options
    return new BatchSender({ cluster, clock, transactionalId, ackTimeoutMs: Math.ceil(timeoutMs * WRITE_SHARE) })
  }

  #failure(report: Action): TidemarkError {
    const known = this.#cause ?? this.#lastError
    if (known !== null) return known
    const { transactionalId } = this.#options
    const text = `the transaction of "${transactionalId}" ended by ${report}: the coordinator did not answer in time. Try again.`
    return new TidemarkError('ERR_KAFKA_TIMEOUT', text, { details: { transactionalId } })
  }

  #abortError(): TidemarkError {
    const { transactionalId } = this.#options
    return new TidemarkError(
      'ERR_KAFKA_ABORTED',
      `the transaction of "${transactionalId}" was aborted as its task asked.`,
      {
        details: { transactionalId },
      },
    )
  }
}

/** Every transaction has an epoch of its own, so its sequences begin at 0. */
function stampAll(parts: readonly Part[], identity: Identity): Stamped[] {
  const all: Stamped[] = []
  for (const [part, each] of parts.entries()) {
    const { topic, partition, batches, codec = 'none', maxBytes = Number.POSITIVE_INFINITY } = each
    let sequence = 0
    for (const plain of batches) {
      const batch = stamp(plain, identity, sequence, { transactional: true, codec })
      checkSize(batch, topic, partition, maxBytes)
      sequence = sequenceAfter(sequence, header.recordCount(batch, 0))
      all.push({ part, topic, partition, batch })
    }
  }
  return all
}

function written(): Result {
  return { fact: 'ok', identity: null, error: null }
}

function givenUp(failure: unknown): Result {
  if (!(failure instanceof SendFailure)) throw failure
  const { verdict, cause } = failure
  return { fact: verdict === 'order' ? 'abortable' : verdict, identity: null, error: cause }
}

/** What the caller should learn of comes first. */
const RANK: readonly Answer[] = ['gone', 'fenced', 'refused', 'state', 'abortable', 'deadline', 'again', 'ok']

function worstOf(results: readonly Result[]): Result {
  let worst: Result = written()
  for (const result of results) if (RANK.indexOf(result.fact) < RANK.indexOf(worst.fact)) worst = result
  return worst
}

function impossible(): Promise<Result> {
  return Promise.reject(
    new TidemarkError('ERR_INVARIANT', 'a transaction was written outside commit. Please report this.'),
  )
}
