import {
  type CommitFact,
  type CommitState,
  type CommitTiming,
  commitStep,
  holdsInput,
  inFlight,
  initialCommit,
} from '../checkpoint/protocol.ts'
import { TidemarkError, fromWireError } from '../errors/error.ts'
import type { CommitResult, LogPort, Transaction } from '../log/types.ts'
import type { Retainer, RetainRequest } from '../checkpoint/retainer.ts'
import type { FrozenState, Steps, TaskState } from '../store/types.ts'

/** What a task fixes at freeze, beside its memtables. */
export interface Sealed {
  readonly appends: Transaction['appends']
  /** Made once, after the delta is encoded: it says whether there is one, and its size. */
  checkpoint(lastDeltaId: number, deltaBytes: number): Uint8Array
}

export interface CommitterOptions {
  readonly task: string
  readonly producer: string
  readonly epoch: number
  readonly committedId: number
  readonly lastDeltaId: number
  readonly firstDueMs: number
  readonly timing: CommitTiming
  readonly state: TaskState
  readonly port: LogPort
  readonly nowMs: () => number
  /** Keeps checkpoints of the task; null when its engine cannot. */
  readonly retainer: Retainer | null
  /** Somebody else tells the log what it may forget of what was flushed. */
  readonly holdJournal?: boolean
  /** Fixes outputs and positions between two messages; null when nothing changed since the last commit. */
  /** Messages were taken in that are not done yet. */
  readonly underWay?: () => boolean
  readonly seal: () => Sealed | null
  readonly onCommitted: (id: number) => void
  /** The task object is over: aborted, fenced or timed out. */
  readonly onStopped: (error: Error) => void
  readonly failpoint: (name: string) => void
}

/** Kill points of a commit, in order; the crash tests go through them all. */
export const COMMIT_FAILPOINTS = [
  'commit-before-freeze',
  'commit-after-freeze',
  'commit-before-decide',
  'commit-after-decide',
  'commit-after-apply',
  'flush-before',
  'flush-after',
] as const

/**
 * Executes the commit protocol for one task: does what `commitStep` decides and reports facts back. Work that grows
 * with the changes is done in steps (`work`), so that the container can process messages in between.
 */
export class Committer {
  readonly #options: CommitterOptions
  #protocol: CommitState
  #work: Generator<void, void> | null = null
  #flush: Steps | null = null
  /** What the flush waits for: settles, never rejects. */
  #flushWaits: Promise<void> | null = null
  #flushError: { readonly error: unknown } | null = null
  #frozen: FrozenState | null = null
  #sealed: Sealed | null = null
  #delta: Uint8Array | null = null
  #lastDeltaId: number
  /** The encoded record of the commit in flight. */
  #record: Uint8Array | null = null
  #flushWanted = false
  /** A commit was asked for when none could begin. */
  #requested = false

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#lastDeltaId = options.lastDeltaId
    this.#protocol = initialCommit(options.committedId, options.firstDueMs)
  }

  get committedId(): number {
    return this.#protocol.committedId
  }

  /** No commit and no flush under way, and none that waits. */
  get quiet(): boolean {
    return !this.#requested && this.#protocol.phase === 'idle' && this.#work === null && this.#flush === null
  }

  get inFlight(): boolean {
    return inFlight(this.#protocol)
  }

  get stopped(): boolean {
    return this.#protocol.phase === 'stopped'
  }

  /** The task must take no messages now. */
  get holdsInput(): boolean {
    return holdsInput(this.#protocol, this.#options.nowMs(), this.#options.timing)
  }

  /** When `tick` will next have something to do. */
  get dueMs(): number {
    return this.#protocol.dueMs
  }

  /** Between two messages: looks at the clock, starts a commit when one is due. */
  tick(): void {
    if (!this.#mayBegin) return
    if (this.#requested) {
      this.request()
      return
    }
    this.#fact({ kind: 'tick', nowMs: this.#options.nowMs() })
  }

  /** A commit as soon as can be. */
  request(): void {
    this.#requested = !this.#mayBegin
    if (!this.#requested) this.#fact({ kind: 'request', nowMs: this.#options.nowMs() })
  }

  /** False while messages are under way whose results are not there yet: a checkpoint would lose them. */
  get #mayBegin(): boolean {
    return this.#protocol.phase !== 'idle' || !(this.#options.underWay?.() ?? false)
  }

  /** A commit should begin, but waits for messages that are under way: no more may be taken in. */
  get blocked(): boolean {
    return !this.#mayBegin && (this.#requested || this.#options.nowMs() >= this.#protocol.dueMs)
  }

  /** Commits what is done by now and keeps it as a checkpoint; `request.done` is called when that is durable. */
  retain(request: RetainRequest): void {
    this.#options.retainer?.ask(request)
    this.request()
  }

  /** Write recent to files at the next chance, even if it is small. */
  wantFlush(): void {
    this.#flushWanted = true
  }

  /** Does one step of pending work; true when there was one. */
  step(): boolean {
    let worked = false
    if (this.#work !== null) {
      worked = true
      const work = this.#work
      if (work.next().done === true && this.#work === work) this.#work = null
    }
    return this.#stepFlush() || worked
  }

  /** Settles when the flush that waits for the disk can go on; null when none waits. Never rejects: `step` throws. */
  get waiting(): Promise<void> | null {
    return this.#flushWaits
  }

  #startFlush(): void {
    const { state, retainer } = this.#options
    const retains = retainer?.due === true
    if (!this.#flushWanted && !state.wantsFlush && !retains) return
    // The merge of the last commit must be over: a flush covers whole commits.
    if (this.#protocol.phase === 'applying' || this.stopped) return
    if (retains) {
      this.#flush = retainer.steps(() => this.#flushAll())
      return
    }
    this.#flushWanted = false
    if (!state.mustFlush && (state.flushedId >= state.id || state.recentBytes === 0)) return
    this.#flush = this.#flushing()
  }

  /** One step of the flush, unless it waits for the disk. Throws what the flush throws: the container must end. */
  #stepFlush(): boolean {
    if (this.#flush === null) this.#startFlush()
    const flush = this.#flush
    if (flush === null || this.#flushWaits !== null) return false
    const failed = this.#flushError
    this.#flushError = null
    const step = failed === null ? flush.next() : flush.throw(failed.error)
    if (step.done === true) this.#flush = null
    else if (step.value instanceof Promise) this.#waitFor(step.value)
    return true
  }

  #waitFor(promise: Promise<void>): void {
    this.#flushWaits = promise
      .catch((error: unknown) => {
        this.#flushError = { error }
      })
      .finally(() => {
        this.#flushWaits = null
      })
  }

  *#flushing(): Steps {
    const { state, port, producer, failpoint, holdJournal = false } = this.#options
    failpoint('flush-before')
    yield* state.flush()
    failpoint('flush-after')
    if (!holdJournal) port.flushed(producer, state.flushedId)
  }

  /** Writes all that is committed to the base, and a part of what else it has to write; the checkpoint that it has then. */
  *#flushAll(): Steps<number> {
    const { state } = this.#options
    if (state.flushedId < state.id || state.mustFlush) yield* this.#flushing()
    return state.flushedId
  }

  #fact(fact: CommitFact): void {
    const { state, decision } = commitStep(this.#protocol, fact, this.#options.timing)
    this.#protocol = state
    switch (decision) {
      case 'nothing':
        return
      case 'freeze':
        return this.#freeze()
      case 'write':
        this.#work = this.#write()
        return
      case 'decide':
        return this.#decide()
      case 'apply':
        this.#work = this.#apply()
        return
      case 'resolve':
        // The embedded log always answers: only a system that can lose an answer comes here.
        throw new TidemarkError('ERR_INVARIANT', 'the embedded log left a commit undecided')
      case 'abort':
      case 'fence':
        return
      case 'timeout':
        return this.#options.onStopped(
          new TidemarkError(
            'ERR_COMMIT_TIMEOUT',
            `commit ${this.#protocol.committedId + 1} of ${this.#options.task} took longer than ${this.#options.timing.timeoutMs} ms. ` +
              'Is the disk overloaded? Raise commit.timeoutMs or lower the load; the task resumes from the last checkpoint.',
          ),
        )
    }
  }

  #freeze(): void {
    const { failpoint, nowMs, retainer, seal, state } = this.#options
    failpoint('commit-before-freeze')
    const sealed = seal()
    retainer?.froze(sealed === null ? this.#protocol.committedId : this.#protocol.committedId + 1)
    if (sealed === null) {
      this.#fact({ kind: 'nothing', nowMs: nowMs() })
      return
    }
    this.#sealed = sealed
    this.#frozen = state.freeze(this.#protocol.committedId + 1)
    failpoint('commit-after-freeze')
    this.#fact({ kind: 'frozen', nowMs: nowMs() })
  }

  *#write(): Generator<void, void> {
    const frozen = this.#frozen as FrozenState
    this.#delta = yield* this.#options.state.delta(frozen)
    if (this.#delta !== null) this.#lastDeltaId = frozen.id
    this.#fact({ kind: 'written' })
  }

  #decide(): void {
    const { failpoint, port, producer, epoch } = this.#options
    const sealed = this.#sealed as Sealed
    const checkpoint = sealed.checkpoint(this.#lastDeltaId, this.#delta?.length ?? 0)
    // A copy: the port takes the bytes over.
    this.#record = checkpoint.slice()
    failpoint('commit-before-decide')
    port.commit(
      {
        producer,
        epoch,
        id: this.#protocol.committedId + 1,
        appends: sealed.appends,
        delta: this.#delta,
        checkpoint,
      },
      (result) => this.#answered(result),
    )
    this.#sealed = null
    this.#delta = null
  }

  #answered(result: CommitResult): void {
    if (this.stopped) return
    const { onStopped, task, failpoint } = this.#options
    if (result.outcome === 'committed') {
      failpoint('commit-after-decide')
      this.#fact({ kind: 'committed', id: result.id })
    } else if (result.outcome === 'fenced') {
      this.#fact({ kind: 'fenced' })
      onStopped(new TidemarkError('ERR_FENCED', `${task} is owned by another container now; this one has stopped it`))
    } else {
      this.#fact({ kind: 'aborted' })
      onStopped(
        result.error === null
          ? new TidemarkError('ERR_COMMIT_FAILED', `a commit of ${task} failed`)
          : fromWireError(result.error),
      )
    }
  }

  *#apply(): Generator<void, void> {
    const { state, onCommitted, nowMs, failpoint, retainer } = this.#options
    const { committedId } = this.#protocol
    if (this.#record !== null) retainer?.committed(committedId, this.#record)
    onCommitted(committedId)
    yield* state.commit(this.#frozen as FrozenState)
    this.#frozen = null
    failpoint('commit-after-apply')
    this.#fact({ kind: 'applied', nowMs: nowMs() })
  }
}
