import { encodeCheckpoint } from '../checkpoint/record.ts'
import type { Clock } from '../clock/clock.ts'
import { fromWireError, isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { CommitResult, LogPort, ProducerState } from '../log/types.ts'
import type { FrozenState, TaskState } from '../store/types.ts'
import { runSteps } from './run-steps.ts'

/** Ended entries that one checkpoint removes at most. */
const MOST_EXPIRED = 20_000

export interface StoreCommitsOptions {
  readonly name: string
  readonly state: TaskState
  readonly port: LogPort
  readonly producer: ProducerState
  readonly lastDeltaId: number
  readonly clock: Clock
  /** Settles with an error when the log's thread has ended: then no commit is answered any more. */
  readonly logFailure: Promise<Error>
  readonly onWarning: (line: string) => void
}

/**
 * The commits of a store that is open alone: its changes go into the log's journal, one fdatasync each, and from memory
 * into the engine's files when they are many. Calls that come during a commit share the next one.
 */
export class StoreCommits {
  readonly #options: StoreCommitsOptions
  #id: number
  #lastDeltaId: number
  #frozen: FrozenState | null = null
  #running: Promise<void> = Promise.resolve()
  #queued: Promise<void> | null = null
  #flushing: Promise<void> | null = null
  #flushAsked = false
  /** After this nothing can be written any more: what is in memory may be ahead of the disk. */
  #failure: Error | null = null

  constructor(options: StoreCommitsOptions) {
    this.#options = options
    this.#id = options.producer.id
    this.#lastDeltaId = options.lastDeltaId
    options.port.onFlushWanted(() => {
      this.#flushAsked = true
    })
  }

  /** The newest checkpoint; 0 before the first. */
  get id(): number {
    return this.#id
  }

  /** What has ended the store; null while it works. */
  get failure(): Error | null {
    return this.#failure
  }

  /** Resolves when all that was written before the call is durable. */
  checkpoint(): Promise<void> {
    this.#queued ??= this.#next()
    return this.#queued
  }

  async #next(): Promise<void> {
    await this.#running
    this.#queued = null
    const commit = this.#commit()
    this.#running = commit.catch(() => undefined)
    return commit
  }

  async #commit(): Promise<void> {
    const { state } = this.#options
    // What a full disk has refused comes first, and alone: it is frozen already.
    if (this.#frozen !== null) await this.#decide(this.#frozen)
    state.expire(MOST_EXPIRED)
    if (state.dirty) {
      this.#assertUsable()
      this.#frozen = state.freeze(this.#id + 1)
      await this.#decide(this.#frozen)
    }
    if (state.wantsFlush || this.#flushAsked) await this.flush()
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure
  }

  async #decide(frozen: FrozenState): Promise<void> {
    const { state, producer, clock, name } = this.#options
    this.#assertUsable()
    const delta = await runSteps(state.delta(frozen), clock)
    const lastDeltaId = delta === null ? this.#lastDeltaId : frozen.id
    const record = encodeCheckpoint({
      version: 1,
      atMs: clock.now(),
      lastDeltaId,
      inputs: {},
      sent: {},
      clock: state.clock.read(),
    })
    const result = await this.#write({
      producer: producer.producer,
      epoch: producer.epoch,
      id: frozen.id,
      appends: [],
      delta,
      checkpoint: record,
    })
    if (result.outcome === 'failed' && result.error !== null) throw fromWireError(result.error)
    if (result.outcome !== 'committed') {
      this.#failure = new TidemarkError('ERR_FENCED', `another owner writes to store ${name} now. Open it again`, {
        details: { store: name },
      })
      throw this.#failure
    }
    this.#frozen = null
    this.#id = frozen.id
    this.#lastDeltaId = lastDeltaId
    await runSteps(state.commit(frozen), clock)
  }

  async #write(transaction: Parameters<LogPort['commit']>[0]): Promise<CommitResult> {
    const { port, logFailure } = this.#options
    const answer = new Promise<CommitResult>((resolve) => {
      port.commit(transaction, resolve)
    })
    const result = await Promise.race([answer, logFailure])
    if (!(result instanceof Error)) return result
    this.#failure = result
    throw result
  }

  /** Writes what is committed into the engine's files, so that the journal can be given up. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null
    })
    return this.#flushing
  }

  async #flush(): Promise<void> {
    const { state, port, producer, clock, name, onWarning } = this.#options
    this.#assertUsable()
    this.#flushAsked = false
    try {
      await runSteps(state.flush(), clock)
      port.flushed(producer.producer, state.flushedId)
    } catch (error) {
      if (!isTidemarkError(error, 'ERR_DISK_FULL')) {
        this.#failure = error as Error
        throw error
      }
      // All of it is in the journal, and in memory: the next checkpoint tries again.
      onWarning(`store ${name}: its files could not be written, and the journal grows: ${error.message}`)
    }
  }

  /** Waits for what runs. */
  async settled(): Promise<void> {
    await this.#running
    await this.#flushing?.catch(() => undefined)
  }
}
