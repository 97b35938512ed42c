import type { ErrorPolicy } from '../api/app.ts'
import type { TableFigures } from '../api/table-figures.ts'
import { type CheckpointRecord, decodeCheckpoint } from '../checkpoint/record.ts'
import type { CommitTiming } from '../checkpoint/protocol.ts'
import type { RetainedName, RetainedRecord } from '../checkpoint/retained-record.ts'
import type { Retainer } from '../checkpoint/retainer.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import type { TopologyNode } from '../dsl/topology.ts'
import { TidemarkError } from '../errors/error.ts'
import type { LogPort, ProducerState, StreamInfo } from '../log/types.ts'
import type { RawStore, TaskState } from '../store/types.ts'
import { BackPressure } from './back-pressure.ts'
import { Committer } from './committer.ts'
import { type Compiled, compile } from './compile.ts'
import { SourceEnds } from './source-ends.ts'
import { storeSpecs } from './store-specs.ts'
import { DeadLetters } from './dead-letters.ts'
import { type Caller, handlerError, messageOf, mustStop } from './handler-error.ts'
import { HandlerLimit } from './handler-limit.ts'
import type { Input } from './input.ts'
import { Lookups } from './lookups.ts'
import { type InputSpecOfTask, makeInputs } from './task-inputs.ts'
import type { Origin } from './message.ts'
import type { LatestOperator } from './operators/latest.ts'
import { OutputBuffer } from './output-buffer.ts'
import type { Pulse } from './pulse.ts'
import { Row } from './row.ts'
import { TaskCounters, type TaskScope } from './scope.ts'
import { feedsOf, TaskBarrier } from './task-barrier.ts'
import { TaskCut } from './task-cut.ts'
import { type OpenTable, Tables } from './tables.ts'
import type { TaskCheckpoint } from './thread-messages.ts'
import { WaitingRows } from './waiting-rows.ts'

/** Entries that have ended are removed so many at a time. */
const EXPIRE_STEP = 256

export interface TaskOptions {
  readonly job: string
  readonly index: number
  readonly tasks: number
  readonly nodes: readonly TopologyNode[]
  readonly inputs: readonly InputSpecOfTask[]
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly producer: ProducerState
  readonly state: TaskState
  readonly retainer: Retainer
  /** The supervisor tells the log what it may forget. */
  readonly holdJournal?: boolean
  readonly port: LogPort
  readonly disk: Disk
  readonly clock: Clock
  readonly random: () => number
  readonly timing: CommitTiming
  readonly firstDueMs: number
  readonly onError: ErrorPolicy
  readonly outputMaxBytes: number
  readonly memtableMaxBytes: number
  readonly idleMs: number
  readonly handlerTimeoutMs: number
  readonly development: boolean
  readonly tables: OpenTable
  readonly pulse: Pulse
  readonly log: (level: string, text: string) => void
  readonly failpoint: (name: string) => void
  /** The task is over: its handler failed, or its commit did. */
  readonly onFailed: (error: Error) => void
  readonly onCommitted: () => void
}

/** How often a task looks whether it has come to the cut of a savepoint. */
const BARRIER_LOOK_MS = 2

/** One task: its inputs, operators, state and commits. The container calls `step` again and again. */
export class Task {
  readonly index: number
  readonly name: string
  readonly producer: string
  readonly counters: TaskCounters = new TaskCounters()
  readonly inputs: readonly Input[]
  readonly state: TaskState
  readonly #options: TaskOptions
  /** Messages that wait for the next commit. */
  readonly outputs: OutputBuffer = new OutputBuffer()
  readonly #ends = new SourceEnds()
  readonly #abort = new AbortController()
  readonly #compiled: Compiled
  readonly #tables: Tables
  readonly #lookups: Lookups
  /** Aggregates that emit with commits. */
  readonly #latest: WaitingRows<LatestOperator>
  readonly #committer: Committer
  readonly #pressure: BackPressure
  readonly #cut: TaskCut
  readonly #row: Row
  readonly #deadLetters: DeadLetters | null
  /** The task's part in a savepoint. */
  readonly #barrier: TaskBarrier
  /** A store of the task has a TTL. */
  readonly #timed: boolean
  #turn = 0
  /** What runs, or what the handler at hand was called for. */
  #caller: Caller = 'init'
  #waiting: Promise<unknown> | null = null
  #failed = false
  #draining = false

  constructor(options: TaskOptions) {
    this.#options = options
    this.index = options.index
    this.name = `task ${options.index} of job ${options.job}`
    this.producer = options.producer.producer
    this.state = options.state
    this.#timed = storeSpecs(options.nodes).some(({ ttl }) => ttl !== undefined && ttl !== null)
    const record =
      options.producer.id === 0 ? null : decodeCheckpoint(options.producer.checkpoint, options.producer.producer)
    this.#deadLetters = DeadLetters.of(options.onError, options.streams, this.outputs)
    this.#tables = this.#makeTables()
    this.#compiled = this.#compile(record)
    this.#lookups = new Lookups(this.#compiled.lookups)
    this.#latest = new WaitingRows(this.#compiled.latest)
    const wait = (promise: Promise<void>): void => this.#waitFor(promise)
    this.inputs = makeInputs(options, this.#compiled, record, wait)
    for (const input of this.inputs) input.activeAtMs = options.clock.monotonicMs()
    const { repartitions } = this.#compiled
    const { clock, state } = options
    const { changedBytes = 0 } = record ?? {}
    this.#cut = new TaskCut({ inputs: this.inputs, repartitions, outputs: this.outputs, state, clock, changedBytes })
    this.#row = new Row(this.inputs[0]?.origin ?? NO_ORIGIN)
    this.#committer = this.#makeCommitter(record)
    this.#pressure = this.#makePressure()
    this.#barrier = this.#makeBarrier()
  }

  /** Runs the job's `init` hooks and tells operators how far event time was: before the first step. */
  start(): void {
    this.#options.state.clock.sampleProcessing(this.#options.clock.now())
    this.#guarded('init', () => {
      for (const input of this.inputs) input.announce()
      for (const task of this.#compiled.tasks) task.init()
    })
  }

  #compile(record: CheckpointRecord | null): Compiled {
    const options = this.#options
    const scope: TaskScope = {
      task: options.index,
      tasks: options.tasks,
      clock: options.clock,
      random: options.random,
      outputs: this.outputs,
      counters: this.counters,
      signal: this.#abort.signal,
      ends: this.#ends,
      development: options.development,
      store: (name): RawStore => options.state.store(name),
      table: (table) => this.#tables.get(table),
      requestCommit: () => this.#committer.request(),
      log: (level, text) => options.log(level, `${this.name}: ${text}`),
      alive: () => options.pulse.beat(),
      await: (promise, over) => this.#await(promise, over),
    }
    return compile({
      nodes: options.nodes,
      scope,
      stream: (name) => options.streams.get(name) as StreamInfo,
      producers: (stream) => options.inputs.find((i) => i.stream.name === stream)?.producers ?? 0,
      sent: record?.sent ?? {},
    })
  }

  #makeCommitter(record: CheckpointRecord | null): Committer {
    const options = this.#options
    return new Committer({
      task: this.name,
      producer: options.producer.producer,
      epoch: options.producer.epoch,
      committedId: options.producer.id,
      lastDeltaId: record?.lastDeltaId ?? 0,
      firstDueMs: options.firstDueMs,
      timing: options.timing,
      state: options.state,
      retainer: options.retainer,
      holdJournal: options.holdJournal ?? false,
      port: options.port,
      nowMs: () => options.clock.monotonicMs(),
      seal: () => this.#cut.seal(),
      underWay: () => this.#lookups.pending || this.#latest.pending,
      onCommitted: () => {
        this.#cut.committed()
        options.onCommitted()
      },
      onStopped: (error) => this.#fail(error),
      failpoint: options.failpoint,
    })
  }

  #makeTables(): Tables {
    const { clock, random, tasks, tables } = this.#options
    const log = (level: string, text: string): void => this.#options.log(level, `${this.name}: ${text}`)
    return new Tables(tables, { clock, random, tasks, log })
  }

  #makePressure(): BackPressure {
    const { state, outputMaxBytes, memtableMaxBytes } = this.#options
    const log = (level: string, text: string): void => this.#options.log(level, `${this.name} ${text}`)
    const own = { committer: this.#committer, outputs: this.outputs, lookups: this.#lookups, counters: this.counters }
    return new BackPressure({ ...own, state, outputMaxBytes, memtableMaxBytes, log })
  }

  #makeBarrier(): TaskBarrier {
    return new TaskBarrier({
      task: this.index,
      inputs: this.inputs,
      repartitions: this.#compiled.repartitions,
      feeds: feedsOf(this.#options.nodes),
      requestCommit: () => this.requestCommit(),
      retain: (request) => this.#committer.retain(request),
    })
  }

  #await(promise: Promise<unknown>, over: (settled: boolean) => void): void {
    const { clock, handlerTimeoutMs } = this.#options
    const limited = new HandlerLimit(promise, clock, handlerTimeoutMs)
    const waiting = limited.result
      .catch((error: unknown) => this.#handlerFailed(error))
      .finally(() => {
        over(!limited.ranOut)
        if (this.#waiting === waiting) this.#waiting = null
      })
    this.#waiting = waiting
  }

  /** Takes no messages until it has settled. */
  #waitFor(promise: Promise<void>): void {
    const waiting: Promise<void> = promise
      .catch((error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        if (this.#waiting === waiting) this.#waiting = null
      })
    this.#waiting = waiting
  }

  /** Settles when the asynchronous handler at hand has; null when there is none. */
  get waiting(): Promise<unknown> | null {
    return this.#waiting
  }

  /** Settles when `step` may have something to do although it had nothing: a handler, a remote table or the disk has answered. */
  get pause(): Promise<unknown> | null {
    const waits = [this.#waiting, this.#committer.waiting, this.#lookups.settling].filter((wait) => wait !== null)
    return waits.length < 2 ? (waits[0] ?? null) : Promise.race(waits)
  }

  /** What was asked of remote tables, by name. */
  get tables(): Readonly<Record<string, TableFigures>> {
    return this.#tables.counters()
  }

  get failed(): boolean {
    return this.#failed
  }

  get records(): number {
    let records = 0
    for (const input of this.inputs) if (input.kind === 'source') records += input.records
    return records
  }

  get committedId(): number {
    return this.#committer.committedId
  }

  /**
   * Does some work until `deadlineMs` (monotonic): pending steps of a commit, timers, messages. Returns true if there
   * was any.
   */
  step(deadlineMs: number): boolean {
    if (this.#failed) return false
    const { clock, pulse } = this.#options
    pulse.enter(this.index, 'commit')
    if (this.outputs.timed) this.outputs.sampleTime(clock.now())
    let worked = this.#committer.step()
    if (this.#waiting !== null) return worked
    if (this.#lookups.pending && this.#emit(this.#lookups, deadlineMs)) worked = true
    if (this.#latest.pending && this.#committer.blocked && this.#emit(this.#latest, deadlineMs)) worked = true
    // What a message that failed has done so far must not be committed.
    if (this.#failed) return worked
    this.#committer.tick()
    this.#barrier.advance()
    if (this.#failed || this.#barrier.holds || this.#pressure.holds) return worked
    if (!this.#draining) worked = this.#process(() => clock.monotonicMs(), deadlineMs) || worked
    return worked
  }

  /** Messages that have waited go on; true if there were any. An error ends only the message at hand. */
  #emit(waiting: Pick<Lookups, 'emit'>, deadlineMs: number): boolean {
    const now = (): number => this.#options.clock.monotonicMs()
    const stop = (): boolean =>
      this.#waiting !== null || this.#failed || (waiting !== this.#lookups && this.#lookups.full)
    let worked = false
    // What an error cut short may have left more behind it.
    const turn = { more: true }
    while (turn.more && !stop() && !(worked && now() >= deadlineMs)) {
      this.#guarded('message', () => {
        turn.more = waiting.emit(this.#row, now, deadlineMs, stop)
      })
      if (turn.more) worked = true
    }
    return worked
  }

  #process(now: () => number, deadlineMs: number): boolean {
    let worked = false
    if (this.#timed) {
      const { state, clock } = this.#options
      state.clock.sampleProcessing(clock.now())
      if (state.expire(EXPIRE_STEP)) worked = true
    }
    this.#guarded('timer', () => {
      for (const task of this.#compiled.tasks) while (this.#waiting === null && task.fire()) worked = true
    })
    const { inputs } = this
    for (let i = 0; i < inputs.length && this.#waiting === null && !this.#failed; i++) {
      const input = inputs[(this.#turn + i) % inputs.length] as Input
      if (this.#barrier.holdsInput(input) || (input.caughtUp && !input.endDue)) continue
      this.#guarded('message', () => {
        if (input.process(this.#row, now, deadlineMs, this.#stop) > 0) worked = true
        if (input.kind === 'source') input.advance()
        if (this.#waiting === null && input.finish()) worked = true
        // Nothing more comes: whoever waits for it need not wait for the interval too.
        if (worked && input.ended) this.requestCommit()
      })
      input.activeAtMs = now()
      if (input.activeAtMs >= deadlineMs) break
    }
    this.#turn++
    if (!this.#barrier.active) this.#idle(now())
    return worked
  }

  /** Checked after each record. */
  readonly #stop = (): boolean =>
    this.#waiting !== null ||
    this.#failed ||
    this.#lookups.full ||
    this.outputs.sizeBytes >= this.#options.outputMaxBytes

  /** An input that has had nothing for a while holds no watermark back, however busy the others are. */
  #idle(nowMs: number): void {
    for (const input of this.inputs) {
      if (nowMs - input.activeAtMs < this.#options.idleMs || !input.unbounded || !input.caughtUp) continue
      input.activeAtMs = nowMs
      input.idle()
    }
  }

  /** Runs user code; what it throws goes by the error policy. */
  #guarded(caller: Caller, run: () => void): void {
    this.#caller = caller
    this.#options.pulse.enter(this.index, caller)
    try {
      run()
    } catch (error) {
      this.#handlerFailed(error)
    }
  }

  #handlerFailed(error: unknown): void {
    const policy = this.#options.onError
    if (policy === 'fail' || mustStop(error)) {
      this.#fail(handlerError(error, this.#row, this.#caller, this.name))
      return
    }
    const ofRecord = this.#caller === 'message'
    // Only a record can be put aside; of a timer or hook nothing is left but the warning.
    if (policy !== 'drop' && ofRecord) {
      try {
        this.#deadLetters?.add(this.#row, error)
      } catch (refused) {
        return this.#fail(handlerError(refused, this.#row, this.#caller, this.name))
      }
      this.counters.deadLettered++
    } else {
      this.counters.dropped++
      const what = ofRecord ? this.#row.where() : `what its ${this.#caller} did`
      this.#options.log('warn', `${this.name}: dropped ${what}: ${messageOf(error)}`)
    }
  }

  #fail(error: Error): void {
    if (this.#failed) return
    this.#failed = true
    this.#abort.abort(error)
    this.#tables.close(error)
    this.#options.onFailed(error)
  }

  /** By input stream: the next offset of the committed checkpoint. */
  get committedPositions(): Readonly<Record<string, number>> {
    return this.#cut.committedPositions
  }

  /** The journal would be shorter if recent state were in files; not where it waits for something else. */
  relieveJournal(): void {
    if (this.#options.holdJournal !== true) this.wantFlush()
  }

  /** Announces the end offsets of a finite source stream. */
  setEnd(stream: string, offsets: readonly number[]): void {
    this.#ends.set(stream, offsets)
    for (const input of this.inputs) {
      const offset = offsets[this.index]
      if (input.origin.stream === stream && input.kind === 'source' && offset !== undefined) input.setEnd(offset)
      input.setEnds(this.#ends.text)
    }
  }

  /** Takes no more messages; a last commit follows. */
  drain(): void {
    this.#draining = true
    if (!this.#failed) this.#committer.request()
  }

  requestCommit(): void {
    if (!this.#failed) this.#committer.request()
  }

  wantFlush(): void {
    this.#committer.wantFlush()
  }

  /** Commits what is done by now and keeps it under a name. */
  async retain(name: RetainedName): Promise<TaskCheckpoint> {
    this.#checkRetaining()
    const { id, atMs, record } = await new Promise<RetainedRecord>((done) => {
      this.#committer.retain({ ...name, done })
    })
    return { task: this.index, id, atMs, record }
  }

  /** Gives up what is kept under a name; true if there was something. */
  release(checkpoint: string): boolean {
    return this.#options.retainer.release(checkpoint)
  }

  /** Comes to the cut of a savepoint and stands still there, with all of it committed and kept, until `resume`. */
  async stopAt(savepoint: string, cuts: Readonly<Record<string, readonly number[]>>): Promise<TaskCheckpoint> {
    this.#checkRetaining()
    return this.#barrier.begin(savepoint, cuts)
  }

  resume(savepoint: string): void {
    this.#barrier.end(savepoint)
  }

  #checkRetaining(): void {
    if (this.#failed) throw new TidemarkError('ERR_RUN_ENDED', `${this.name} has failed`)
  }

  /** Nothing is uncommitted and nothing is under way. */
  get quiet(): boolean {
    return this.#waiting === null && !this.#lookups.pending && this.#committer.quiet && !this.#cut.uncommitted
  }

  /** Quiet, and every input is at its end. */
  get finished(): boolean {
    return this.inputs.every((i) => i.caughtUp && i.ended) && this.quiet
  }

  /** Monotonic time at which `step` has something to do although nothing comes in. */
  get dueMs(): number {
    // What a savepoint waits for comes without a message: answers to commits, steps of a flush.
    if (this.#barrier.active) return this.#options.clock.monotonicMs() + BARRIER_LOOK_MS
    // A commit that waits for look-ups waits for their answers, not for the clock.
    let due = this.#lookups.pending ? Number.POSITIVE_INFINITY : this.#committer.dueMs
    for (const task of this.#compiled.tasks) due = Math.min(due, task.dueMs)
    return due
  }

  /** The job's `close` hooks, then files. */
  close(): void {
    if (!this.#failed) this.#guarded('close', () => this.#compiled.tasks.forEach((t) => t.close()))
    const ended = new TidemarkError('ERR_RUN_ENDED', `${this.name} has ended`)
    this.#abort.abort(ended)
    this.#tables.close(ended)
    for (const input of this.inputs) input.close()
    this.#options.state.close()
  }
}

const NO_ORIGIN = { stream: '', partition: 0, key: null, value: null, onKey: null } as unknown as Origin
