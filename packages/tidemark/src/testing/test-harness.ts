import type { Headers } from '../api/message.ts'
import type { Job } from '../api/job.ts'
import type { AnyRemoteTable } from '../api/remote-table.ts'
import type { StoreDef } from '../api/store-def.ts'
import type { StreamDef } from '../api/stream.ts'
import { ManualClock } from '../clock/clock.ts'
import { MemDisk } from '../disk/mem-disk.ts'
import type { Plan } from '../dsl/plan.ts'
import { openBase } from '../engines/engine.ts'
import { TidemarkError } from '../errors/error.ts'
import { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import { LocalLogPort } from '../log/embedded/local-log-port.ts'
import type { StreamInfo } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { storeSpecs } from '../runtime/store-specs.ts'
import { plannedStreams } from '../runtime/create-streams.ts'
import { inputsOf, jobPlan } from '../runtime/job-plan.ts'
import type { MessageView } from '../runtime/message.ts'
import { MessageEncoder } from '../runtime/message-encoder.ts'
import { MessageReader } from '../runtime/message-reader.ts'
import { openTask, type TaskEnvironment } from '../runtime/open-task.ts'
import { stateDirectory } from '../runtime/state-directory.ts'
import { runSettings } from '../runtime/settings.ts'
import { prepareAll } from '../runtime/prepare-serdes.ts'
import type { Task } from '../runtime/task.ts'
import { CacheBudget } from '../store/cache-budget.ts'
import { describe } from '../store/descriptor.ts'
import { FakeTable } from './test-table.ts'
import { testStore } from './test-store.ts'
import type { TestJobOptions } from './test-job.ts'

const DIRECTORY = '/test'
const PRODUCER = 'test'
const MIB = 1024 * 1024

/** What testJob stands on: log, tasks and clock of one job, all on this thread. */
export class TestHarness {
  readonly #job: Job
  readonly #options: TestJobOptions
  readonly #clock: ManualClock
  readonly #disk = new MemDisk()
  readonly #plan: Plan
  readonly #streams = new Map<string, StreamInfo>()
  readonly #encoders = new Map<string, MessageEncoder>()
  readonly #tables = new Map<string, FakeTable>()
  #log!: EmbeddedLog
  #port!: LocalLogPort
  #tasks: Task[] = []
  #sender = { epoch: 0, id: 0 }
  #failure: Error | null = null
  /** Until the serdes have what they get from elsewhere; null: they need nothing. */
  #preparing: Promise<void> | null = null
  #lost = { dropped: 0, deadLettered: 0, late: 0 }

  constructor(job: Job, options: TestJobOptions) {
    this.#job = job
    this.#options = options
    this.#clock = new ManualClock(options.startMs ?? 0)
    this.#plan = jobPlan(job, { existing: [], defaultPartitions: options.partitions ?? 1 })
    this.#preparing = prepareAll(this.#plan)
    // Whoever waits for it by `settled` is told.
    this.#preparing?.catch(() => {})
    this.#open()
  }

  #open(): void {
    this.#log = EmbeddedLog.open({
      disk: this.#disk,
      directory: DIRECTORY,
      job: this.#job.name,
      clock: this.#clock,
      lock: false,
    })
    this.#port = new LocalLogPort(this.#log)
    const { onError } = this.#options
    const deadLetters = typeof onError === 'object' ? [onError.deadLetter] : []
    for (const spec of plannedStreams(this.#plan, this.#options.partitions ?? 1, deadLetters)) {
      this.#streams.set(spec.name, this.#log.createStream(spec))
    }
    const { epoch, id } = this.#log.claim(PRODUCER, '{}')
    this.#sender = { epoch, id }
    this.#tasks = Array.from({ length: this.#plan.tasks }, (_, index) => this.#openTask(index))
    if (this.#preparing === null) this.#start()
  }

  #start(): void {
    for (const task of this.#tasks) task.start()
    this.pump()
  }

  #openTask(index: number): Task {
    const { topology, hash, tasks } = this.#plan
    const meta = JSON.stringify({
      job: this.#job.name,
      task: index,
      tasks,
      stores: storeSpecs(topology.nodes).map((spec) => describe(spec)),
      planHash: hash,
      engine: 'lsm',
    })
    const producer = this.#log.claim(`task:${this.#job.name}/${index}`, meta)
    const { container } = runSettings(
      { onError: this.#options.onError ?? 'fail', development: true },
      { containers: 0 },
    )
    const environment: TaskEnvironment = {
      job: this.#job.name,
      nodes: topology.nodes,
      inputs: inputsOf(this.#plan, this.#streams),
      streams: this.#streams,
      settings: { ...container, tasks, seed: this.#options.seed ?? 1 },
      port: this.#port,
      disk: this.#disk,
      clock: this.#clock,
      tables: (table) => this.table(table).client(),
      blocks: new BlockCache({ capacityBytes: MIB }),
      cache: new CacheBudget(MIB),
      log: () => {},
      failpoint: () => {},
      onFailed: (error) => {
        this.#failure ??= error
      },
      onCommitted: () => {},
    }
    const grant = { index, producer, deltas: this.#log.deltas(producer.producer, producer.flushedId) }
    // Whatever the stores say: there is no disk here for other engines.
    const directory = stateDirectory(DIRECTORY, index, container.lineage)
    return openTask(environment, grant, openBase('lsm', { disk: this.#disk, directory, cache: environment.blocks }))
  }

  /** Processes and commits until nothing is left to do; throws what a handler threw. */
  pump(): void {
    if (this.#preparing !== null) throw unprepared(this.#job.name)
    let worked = true
    while (worked) {
      worked = false
      for (const task of this.#tasks) if (this.#settle(task)) worked = true
    }
    this.#rethrow()
  }

  #settle(task: Task): boolean {
    let worked = false
    while (!task.failed && task.waiting === null) {
      if (task.step(Number.POSITIVE_INFINITY)) {
        worked = true
        continue
      }
      if (task.quiet) break
      task.requestCommit()
      worked = true
    }
    return worked
  }

  #rethrow(): void {
    const failure = this.#failure
    this.#failure = null
    if (failure !== null) throw failure
  }

  async settled(): Promise<void> {
    if (this.#preparing !== null) {
      await this.#preparing
      this.#preparing = null
      this.#start()
    }
    for (;;) {
      this.pump()
      const waiting = this.#tasks.filter((t) => !t.failed && t.waiting !== null)
      if (waiting.length === 0) return
      await Promise.all(waiting.map((t) => t.waiting ?? Promise.resolve()))
    }
  }

  send(
    stream: StreamDef<unknown, unknown>,
    key: unknown,
    value: unknown,
    options: { readonly timestamp?: number; readonly headers?: Headers },
  ): void {
    if (this.#preparing !== null) throw unprepared(this.#job.name)
    const info = this.#streams.get(stream.name)
    if (info === undefined)
      throw new TidemarkError('ERR_UNKNOWN_STREAM', `job ${this.#job.name} has no stream ${stream.name}`)
    let encoder = this.#encoders.get(stream.name)
    if (encoder === undefined) {
      encoder = new MessageEncoder(stream, info)
      this.#encoders.set(stream.name, encoder)
    }
    const own = value === null || stream.time === null ? this.#clock.now() : stream.time(value)
    const message = {
      key,
      value,
      timestamp: options.timestamp ?? own,
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    }
    const append = encoder.encode(message, this.#clock.now())
    const { epoch, id } = this.#sender
    this.#sender = { epoch, id: id + 1 }
    const [result] = this.#log.commit([
      { producer: PRODUCER, epoch, id: id + 1, appends: [append], delta: null, checkpoint: new Uint8Array(0) },
    ])
    if (result?.outcome !== 'committed') throw new TidemarkError('ERR_INVARIANT', 'a test message was not committed')
    this.pump()
  }

  advance(ms: number): void {
    this.#clock.advance(ms)
    const sources = this.#tasks.flatMap((t) => t.inputs).filter((i) => i.kind === 'source')
    const newestMs = Math.max(...sources.map((i) => i.newestMs))
    if (Number.isFinite(newestMs)) {
      for (const input of sources) input.moveEventTime(newestMs + ms)
      this.pump()
      // Entries behind a repartition end too, as they would by a record of that time.
      for (const input of this.#tasks.flatMap((t) => t.inputs)) input.moveEventTime(newestMs + ms)
    }
    this.pump()
  }

  end(): void {
    for (const { name } of this.#plan.inputs) {
      const info = this.#streams.get(name) as StreamInfo
      const ends = Array.from({ length: info.partitions }, (_, p) => this.#log.offsets.end(info.slot + p))
      for (const task of this.#tasks) task.setEnd(name, ends)
    }
    this.pump()
  }

  messages(stream: StreamDef<unknown, unknown>): MessageView[] {
    const info = this.#streams.get(stream.name)
    if (info === undefined)
      throw new TidemarkError('ERR_UNKNOWN_STREAM', `job ${this.#job.name} has no stream ${stream.name}`)
    const messages: MessageView[] = []
    for (let partition = 0; partition < info.partitions; partition++) {
      const reader = new MessageReader({ port: this.#port, stream, info, partition })
      for (let message = reader.next(); message !== null; message = reader.next()) messages.push(message)
      reader.close()
    }
    return messages
  }

  /** The table in memory that stands for a remote one. */
  table(def: AnyRemoteTable): FakeTable {
    let table = this.#tables.get(def.name)
    if (table === undefined) {
      table = new FakeTable(def)
      this.#tables.set(def.name, table)
    }
    return table
  }

  store(def: StoreDef): unknown {
    return testStore(this.#tasks.map((task) => task.state.store(def.name)))
  }

  crash(): void {
    this.#lost = { dropped: this.dropped, deadLettered: this.deadLettered, late: this.late }
    this.#failure = null
    this.#disk.crash()
    this.#encoders.clear()
    this.#open()
  }

  get dropped(): number {
    return this.#lost.dropped + this.#tasks.reduce((sum, t) => sum + t.counters.dropped, 0)
  }

  get deadLettered(): number {
    return this.#lost.deadLettered + this.#tasks.reduce((sum, t) => sum + t.counters.deadLettered, 0)
  }

  get late(): number {
    return this.#lost.late + this.#tasks.reduce((sum, t) => sum + t.counters.late, 0)
  }

  close(): void {
    for (const task of this.#tasks) task.close()
    this.#log.close()
    this.#rethrow()
  }
}

function unprepared(job: string): TidemarkError {
  return new TidemarkError(
    'ERR_SERDE',
    `serdes of job ${job} get something from elsewhere before they are used (schemas of a registry): await settled() once, ` +
      'before anything else is asked of the test',
  )
}
