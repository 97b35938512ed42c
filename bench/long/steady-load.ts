import type { Clock } from '../../packages/tidemark/src/clock/clock.ts'
import type { Disk, DiskFile } from '../../packages/tidemark/src/disk/disk.ts'
import { KEY_BYTES, type Draw, writeKey, zipf } from '../../packages/tidemark/src/ops/bench-store/bench-keys.ts'
import { Latency } from '../../packages/tidemark/src/ops/bench-store/latency.ts'
import type { RawStore, Steps, TaskState } from '../../packages/tidemark/src/store/types.ts'

export interface SteadyLoadOptions {
  readonly state: TaskState
  readonly store: RawStore
  readonly clock: Clock
  readonly disk: Disk
  /** Where the deltas that are in no file yet are kept. */
  readonly directory: string
  readonly random: () => number
  readonly keys: number
  readonly valueBytes: number
  /** Reads and writes together. */
  readonly ratePerSecond: number
  readonly commitIntervalMs: number
  /** How long a turn may work before it goes back to the event loop. */
  readonly turnMs: number
}

/** What was measured since the last call of `take`. */
export interface LoadWindow {
  readonly operations: number
  readonly reads: Latency
  readonly writes: Latency
  /** How far operations started behind their time, at most. */
  readonly lateMaxMs: number
  /** How long the state took no operations because merges were behind. */
  readonly stalledMs: number
}

/** Steps that take turns with the operations. */
class Background {
  #steps: Steps | null = null
  #waiting = false
  #failure: Error | null = null

  get busy(): boolean {
    return this.#steps !== null
  }

  /** True if there is a step to be made now. */
  get ready(): boolean {
    return this.#steps !== null && !this.#waiting
  }

  start(steps: Steps): void {
    this.#steps = steps
  }

  step(): void {
    if (this.#failure !== null) throw this.#failure
    const steps = this.#steps
    if (steps === null || this.#waiting) return
    const { done, value } = steps.next()
    if (done === true) this.#steps = null
    else if (value !== undefined) void this.#wait(value)
  }

  async #wait(promise: Promise<void>): Promise<void> {
    this.#waiting = true
    try {
      await promise
    } catch (error) {
      // Thrown by the next step: whoever turns the loop ends with it.
      this.#failure = error instanceof Error ? error : new Error(String(error))
    }
    this.#waiting = false
  }
}

/**
 * Reads and overwrites of one task's state at a steady rate, half and half, keys by zipf. Commits and flushes take turns
 * with them, as in a container: a commit encodes the changes, appends them to a journal and syncs it.
 */
export class SteadyLoad {
  readonly #options: SteadyLoadOptions
  readonly #draw: Draw
  readonly #key = new Uint8Array(KEY_BYTES)
  readonly #value: Uint8Array
  readonly #commit = new Background()
  readonly #flush = new Background()
  /** Deltas by the flush that will make them needless: the newest file is written to. */
  #journals: { readonly file: DiskFile; readonly path: string; bytes: number }[] = []
  #journalNumber = 0
  readonly #startMs: number
  #nextCommitMs: number
  #turnedMs: number
  /** Operations that are done, and those that were left out while the state was stalled. */
  #done = 0
  #skipped = 0
  #window = newWindow()
  #found = 0
  #reads = 0

  constructor(options: SteadyLoadOptions) {
    this.#options = options
    this.#draw = zipf(options.keys, options.random)
    this.#value = new Uint8Array(options.valueBytes)
    for (let i = 0; i < this.#value.length; i++) this.#value[i] = Math.floor(options.random() * 256)
    this.#startMs = options.clock.monotonicMs()
    this.#turnedMs = this.#startMs
    this.#nextCommitMs = this.#startMs + options.commitIntervalMs
    this.#openJournal()
  }

  /** Bytes of the deltas that are kept. */
  get journalBytes(): number {
    return this.#journals.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Every key is there from the start: a read that found none is an error of the state. */
  get missed(): number {
    return this.#reads - this.#found
  }

  take(): LoadWindow {
    const window = this.#window
    this.#window = newWindow()
    return window
  }

  /** What is due now, for no longer than a turn. True if there is more to do at once. */
  turn(): boolean {
    const { clock, state, turnMs, commitIntervalMs } = this.#options
    const nowMs = clock.monotonicMs()
    const untilMs = nowMs + turnMs
    const due = Math.floor(((nowMs - this.#startMs) * this.#options.ratePerSecond) / 1000)
    if (state.stalled) {
      this.#window.stalledMs += nowMs - this.#turnedMs
      this.#skipped = due - this.#done
    }
    this.#turnedMs = nowMs
    const behind = this.#operate(due, untilMs)
    if (nowMs >= this.#nextCommitMs && !this.#commit.busy) {
      this.#nextCommitMs = Math.max(this.#nextCommitMs + commitIntervalMs, nowMs)
      if (state.dirty) this.#commit.start(this.#commitSteps())
    }
    if (!this.#flush.busy && !this.#commit.busy && (state.wantsFlush || state.mustFlush)) {
      this.#flush.start(this.#flushSteps())
    }
    do {
      this.#commit.step()
      this.#flush.step()
    } while ((this.#commit.ready || this.#flush.ready) && clock.monotonicMs() < untilMs)
    return behind || this.#commit.ready || this.#flush.ready
  }

  /** True while a commit or a flush is under way. */
  get busy(): boolean {
    return this.#commit.busy || this.#flush.busy
  }

  close(): void {
    for (const { file } of this.#journals) file.close()
    this.#options.state.close()
  }

  #operate(due: number, untilMs: number): boolean {
    const { clock, ratePerSecond } = this.#options
    const window = this.#window
    let beforeMs = clock.monotonicMs()
    while (this.#done + this.#skipped < due) {
      if (beforeMs >= untilMs) return true
      const plannedMs = this.#startMs + ((this.#done + this.#skipped) * 1000) / ratePerSecond
      window.lateMaxMs = Math.max(window.lateMaxMs, beforeMs - plannedMs)
      this.#done++
      window.operations++
      const writes = this.#operation()
      const afterMs = clock.monotonicMs()
      const latency = writes ? window.writes : window.reads
      latency.add((afterMs - beforeMs) * 1e6)
      beforeMs = afterMs
    }
    return false
  }

  /** True for a write. */
  #operation(): boolean {
    const { store, random } = this.#options
    const key = this.#key
    writeKey(key, 0, this.#draw(), false)
    if (random() < 0.5) {
      // A value that differs each time.
      const number = this.#done
      for (let i = 0; i < 4 && i < this.#value.length; i++) this.#value[i] = number >>> (8 * i)
      store.put(key, 0, KEY_BYTES, this.#value)
      return true
    }
    this.#reads++
    if (store.get(key, 0, KEY_BYTES) !== undefined) this.#found++
    return false
  }

  *#commitSteps(): Steps {
    const { state } = this.#options
    const frozen = state.freeze(state.id + 1)
    const delta = yield* state.delta(frozen)
    const journal = this.#journals.at(-1)
    if (delta !== null && journal !== undefined) {
      journal.file.write(delta, journal.bytes)
      journal.bytes += delta.length
      const synced = journal.file.syncLater()
      if (synced !== null) yield synced
    }
    yield* state.commit(frozen)
  }

  /** What is committed by now will be in files: its deltas are given up then. */
  *#flushSteps(): Steps {
    const old = this.#journals
    this.#journals = [...old]
    this.#openJournal()
    yield* this.#options.state.flush()
    this.#journals = this.#journals.filter((journal) => !old.includes(journal))
    for (const { file, path } of old) {
      file.close()
      this.#options.disk.remove(path)
    }
  }

  #openJournal(): void {
    const { disk, directory } = this.#options
    const path = `${directory}/journal-${this.#journalNumber++}`
    this.#journals.push({ file: disk.open(path, 'create'), path, bytes: 0 })
  }
}

interface MutableWindow {
  operations: number
  readonly reads: Latency
  readonly writes: Latency
  lateMaxMs: number
  stalledMs: number
}

function newWindow(): MutableWindow {
  return { operations: 0, reads: new Latency(), writes: new Latency(), lateMaxMs: 0, stalledMs: 0 }
}
