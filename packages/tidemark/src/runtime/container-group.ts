import type { Job } from '../api/job.ts'
import type { StateMetrics } from '../api/state-metrics.ts'
import { taskProducer } from '../checkpoint/lineage.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import type { Plan } from '../dsl/plan.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { StreamInfo, SystemHost } from '../log/types.ts'
import { CompactionHost } from '../lsm/compaction-host.ts'
import { describe } from '../store/descriptor.ts'
import type { TableFigures } from '../api/table-figures.ts'
import { addFigures, type RemoteCounters } from '../remote/table-client.ts'
import { storeSpecs } from './store-specs.ts'
import type { ContainerStatus, TaskStatus } from './container.ts'
import { Pulse, type PulsePlace, PulseWatch } from './pulse.ts'
import { stuckError } from './stuck-error.ts'
import { type ContainerHost, type HostOptions, ThreadContainer } from './container-host.ts'
import type { RunSettings } from './settings.ts'
import type { ContainerRequest, QueryEntry, StoreQuery, TaskCheckpoint, TaskGrant } from './thread-messages.ts'
import type { ThreadStock } from './thread-stock.ts'

const FIRST_BACKOFF_MS = 100
const LONGEST_BACKOFF_MS = 10_000
/** More than this between two looks at the containers counts as no more: then it was this thread that stood still. */
const LONGEST_LOOK_MS = 1000

export interface ContainerGroupOptions {
  readonly job: Job
  readonly jobUrl: string | null
  readonly plan: Plan
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly host: SystemHost
  readonly settings: RunSettings
  readonly disk: Disk
  readonly clock: Clock
  readonly threads: ThreadStock
  readonly onChange: () => void
  readonly onFailed: (error: Error) => void
  readonly onWarning: (text: string) => void
}

interface Member {
  readonly index: number
  readonly tasks: readonly number[]
  host: ContainerHost | null
  /** Settles when the container that is being started runs. */
  ready: PromiseWithResolvers<void> | null
  status: ContainerStatus | null
  watch: PulseWatch | null
  /** Of containers that crashed before: records, what was dropped, put aside and late, checkpoints. */
  before: Totals
  crashesInARow: number
  progressAtCrash: number
}

interface Totals {
  readonly records: number
  readonly dropped: number
  readonly deadLettered: number
  readonly late: number
  readonly checkpoints: number
  readonly tables: Readonly<Record<string, TableFigures>>
}

const NONE: Totals = { records: 0, dropped: 0, deadLettered: 0, late: 0, checkpoints: 0, tables: {} }

/** The containers of a node: gives them their tasks, starts them again when they crash, gives up after a limit. */
export class ContainerGroup {
  readonly #options: ContainerGroupOptions
  readonly #compaction: CompactionHost
  readonly #members: Member[] = []
  readonly #ends = new Map<string, readonly number[]>()
  #closing = false
  #draining = false
  restarts = 0
  restoredMs = 0

  constructor(options: ContainerGroupOptions) {
    this.#options = options
    this.#compaction = new CompactionHost({ bytesPerSecond: options.settings.compactionBytesPerSecond })
  }

  async start(): Promise<void> {
    const { plan, settings } = this.#options
    const count = Math.max(1, Math.min(settings.containers, plan.tasks))
    for (let index = 0; index < count; index++) {
      const tasks = Array.from({ length: plan.tasks }, (_, t) => t).filter((t) => t % count === index)
      this.#members.push({
        index,
        tasks,
        host: null,
        ready: null,
        status: null,
        watch: null,
        before: NONE,
        crashesInARow: 0,
        progressAtCrash: -1,
      })
    }
    await Promise.all(this.#members.map((member) => this.#startMember(member)))
  }

  /** Claims the member's tasks anew (which fences what the last owner may still send) and starts a container. */
  async #startMember(member: Member): Promise<void> {
    const { host, job, jobUrl, plan, settings, streams, disk, clock, threads } = this.#options
    const grants: TaskGrant[] = []
    for (const index of member.tasks) grants.push(await this.#claim(index))
    if (this.#closing) throw closedEarly(member.index)
    const ready = Promise.withResolvers<void>()
    ready.promise.catch(() => {})
    member.ready = ready
    const pulse = new Pulse()
    member.watch = new PulseWatch(pulse, LONGEST_LOOK_MS)
    const options: HostOptions = {
      index: member.index,
      settings: { ...settings.container, tasks: plan.tasks },
      streams: [...streams.values()],
      grants,
      log: host.portFor(grants.map(({ producer }) => producer.producer)),
      pulse,
      compaction: this.#compaction.port(),
      events: {
        onReady: (ms) => {
          this.restoredMs = Math.max(this.restoredMs, Math.round(ms))
          ready.resolve()
        },
        onStatus: (status) => {
          member.status = status
          this.#options.onChange()
        },
        onFailed: (error) => {
          ready.reject(error)
          if (cameToNothing(error)) void this.#restart(member, error)
          else this.#options.onFailed(error)
        },
        onCrashed: (error) => {
          ready.reject(error)
          void this.#crashed(member, error)
        },
        onLog: (level, text) => this.#options.onWarning(level === 'info' ? text : `${level}: ${text}`),
      },
    }
    if (jobUrl === null) {
      // With containers on threads, this one needs no module of what they run.
      const { LocalContainer } = await import('./local-container.ts')
      member.host = await LocalContainer.open(job, disk, clock, options)
    } else member.host = new ThreadContainer(jobUrl, threads.container(member.index), options)
    await ready.promise
    // It failed while it started: it was not there yet when the others were closed.
    if (this.#closing) return member.host.close()
    for (const [stream, ends] of this.#ends) member.host.setEnd(stream, ends)
  }

  async #claim(index: number): Promise<TaskGrant> {
    const { host, job, plan, settings } = this.#options
    const { lineage } = settings.container
    const producer = taskProducer(job.name, lineage, index)
    const meta = JSON.stringify({
      job: job.name,
      task: index,
      tasks: plan.tasks,
      // What operators keep for themselves (names with `$`) is nobody else's to read.
      stores: storeSpecs(plan.topology.nodes)
        .filter((spec) => !spec.name.startsWith('$'))
        .map((spec) => describe(spec)),
      planHash: plan.hash,
      engine: settings.container.engine,
      lineage,
    })
    const state = await host.claim(producer, meta)
    return { index, producer: state, deltas: await host.deltas(producer, state.flushedId) }
  }

  /** A commit came to nothing, and its task cannot go on with what it holds in memory: it starts from its checkpoint. */
  async #restart(member: Member, error: Error): Promise<void> {
    await member.host?.close()
    await this.#crashed(member, error)
  }

  async #crashed(member: Member, error: Error): Promise<void> {
    const { settings, clock, onFailed, onWarning } = this.#options
    if (this.#closing) return
    if (this.#draining) return onFailed(error)
    const progress = member.status?.tasks.reduce((sum, t) => sum + t.committedId, 0) ?? 0
    member.crashesInARow = progress > member.progressAtCrash ? 1 : member.crashesInARow + 1
    member.progressAtCrash = progress
    member.before = this.#totals(member)
    member.status = null
    member.watch = null
    member.host = null
    if (member.crashesInARow > settings.maxRestarts) {
      onFailed(
        new TidemarkError(
          'ERR_GAVE_UP',
          `container ${member.index} crashed ${member.crashesInARow} times in a row without a commit in between; giving up. The last error: ${error.message}`,
          { cause: error },
        ),
      )
      return
    }
    this.restarts++
    const backoffMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (member.crashesInARow - 1))
    onWarning(`${error.message}. Its tasks start again from their checkpoints in ${backoffMs} ms.`)
    await clock.sleep(backoffMs)
    if (this.#closing) return
    try {
      await this.#startMember(member)
    } catch (cause) {
      // A crash while starting was counted by its own event; anything else ends the run.
      if (!(cause instanceof TidemarkError && cause.code === 'ERR_CONTAINER_CRASHED')) onFailed(cause as Error)
    }
  }

  /**
   * Ends containers that have not come back from what they do for `commit.timeoutMs`: a handler in an endless loop, say.
   * To be called about twice a second. A container on this thread, which would be stuck with it, is not watched.
   */
  watch(): void {
    const { settings, clock, jobUrl } = this.#options
    if (jobUrl === null || this.#closing) return
    const nowMs = clock.monotonicMs()
    for (const member of this.#members) {
      const { watch, host } = member
      if (watch === null || host === null || watch.look(nowMs) < settings.container.timing.timeoutMs) continue
      member.watch = null
      host.abandon(this.#stuck(member, watch.place, Math.round(watch.silentMs)))
    }
  }

  #stuck({ index, tasks }: Member, place: PulsePlace, silentMs: number): TidemarkError {
    const { plan, streams } = this.#options
    const stream = [...streams.values()].find((info) => info.id === place.stream)
    const at = stream === undefined || place.stage !== 'message' ? null : stream.name
    return stuckError({ job: plan.job, container: index, tasks, place, stream: at, silentMs })
  }

  #totals(member: Member): Totals {
    const { status, before } = member
    if (status === null) return before
    return {
      records: before.records + status.records,
      dropped: before.dropped + status.dropped,
      deadLettered: before.deadLettered + status.deadLettered,
      late: before.late + status.late,
      checkpoints: before.checkpoints + status.checkpoints,
      tables: addFigures(addFigures({}, before.tables), status.tables),
    }
  }

  #sum(what: Exclude<keyof Totals, 'tables'>): number {
    return this.#members.reduce((sum, member) => sum + this.#totals(member)[what], 0)
  }

  get records(): number {
    return this.#sum('records')
  }

  get dropped(): number {
    return this.#sum('dropped')
  }

  get deadLettered(): number {
    return this.#sum('deadLettered')
  }

  get late(): number {
    return this.#sum('late')
  }

  get checkpoints(): number {
    return this.#sum('checkpoints')
  }

  /** What was asked of remote tables, by name. */
  get tables(): Readonly<Record<string, TableFigures>> {
    const tables: Record<string, RemoteCounters> = {}
    for (const member of this.#members) addFigures(tables, this.#totals(member).tables)
    return tables
  }

  get firstRecordMs(): number | null {
    return this.#members.reduce<number | null>((least, m) => smaller(least, m.status?.firstRecordMs ?? null), null)
  }

  get lastCommitMs(): number | null {
    return this.#members.reduce<number | null>((most, m) => larger(most, m.status?.lastCommitMs ?? null), null)
  }

  *#tasks(): Generator<TaskStatus> {
    for (const member of this.#members) if (member.status !== null) yield* member.status.tasks
  }

  /** Where a task stands in an input, as last heard; `otherwise` when it was not heard of. */
  position(stream: string, task: number, otherwise: number): number {
    for (const status of this.#tasks()) if (status.task === task) return status.positions[stream] ?? otherwise
    return otherwise
  }

  /** Committed positions of an input stream, by partition. */
  *committedPositions(stream: string): Generator<[number, number]> {
    for (const status of this.#tasks()) {
      const position = status.committed[stream]
      if (position !== undefined) yield [status.task, position]
    }
  }

  /**
   * True when every task has committed all that its inputs hold: source streams up to their end in this run, intermediate
   * ones to their end of now. Upstream tasks that are finished send nothing more, so then nothing is on its way any more.
   */
  finished(): boolean {
    const { plan, streams, host } = this.#options
    let heard = 0
    for (const status of this.#tasks()) {
      heard++
      if (!status.finished) return false
      for (const { name } of plan.inputs) {
        const end = this.#ends.get(name)?.[status.task]
        if (end !== undefined && !((status.committed[name] ?? -1) >= end)) return false
      }
      for (const { stream } of plan.intermediates) {
        const info = streams.get(stream.name) as StreamInfo
        const isTaken = status.committed[stream.name] === host.offsets.end(info.slot + status.task)
        if (status.task < info.partitions && !isTaken) return false
      }
    }
    return heard === plan.tasks
  }

  setEnd(stream: string, ends: readonly number[]): void {
    this.#ends.set(stream, ends)
    for (const member of this.#members) member.host?.setEnd(stream, ends)
  }

  requestCommit(): void {
    for (const member of this.#members) member.host?.requestCommit()
  }

  /** Asks all containers; rejects with the first error, or ERR_RUN_ENDED while one of them is not running. */
  async ask(request: ContainerRequest): Promise<TaskCheckpoint[]> {
    const answers = await this.#askEach((host) => host.ask(request))
    return answers.flat().sort((a, b) => a.task - b.task)
  }

  /** As `ask`, of the containers that run: one that does not has forgotten what it was to be told of. Never rejects. */
  async tell(request: ContainerRequest): Promise<void> {
    if (this.#closing) return
    await Promise.allSettled(this.#members.map(({ host }) => host?.ask(request) ?? Promise.resolve([])))
  }

  /** What the stores of all containers have. ERR_RUN_ENDED while one of them is not running: it may have the key. */
  async query(query: StoreQuery): Promise<QueryEntry[]> {
    const answers = await this.#askEach((host) => host.query(query))
    return answers.flat()
  }

  /** What the state of each container's tasks holds. ERR_RUN_ENDED while one of them is not running. */
  states(): Promise<StateMetrics[]> {
    return this.#askEach((host) => host.state())
  }

  #askEach<T>(ask: (host: ContainerHost) => Promise<T>): Promise<T[]> {
    return Promise.all(
      this.#members.map(async ({ host, index }) => {
        if (host !== null && !this.#closing) return ask(host)
        throw new TidemarkError('ERR_RUN_ENDED', `container ${index} is not running now: ask again when it is`)
      }),
    )
  }

  async drain(): Promise<void> {
    this.#draining = true
    await Promise.all(this.#members.map((m) => m.host?.drain() ?? Promise.resolve()))
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all(this.#members.map((m) => m.host?.close() ?? Promise.resolve()))
    // One that was closed while it started says nothing any more: whoever waits for it would wait for ever.
    for (const { ready, index } of this.#members) {
      ready?.reject(closedEarly(index))
    }
    await this.#compaction.close()
  }
}

/** A commit of a task was not made, or nobody knows in time whether it was: the task can go on from its checkpoint alone. */
function cameToNothing(error: Error): boolean {
  return isTidemarkError(error, 'ERR_COMMIT_FAILED') || isTidemarkError(error, 'ERR_COMMIT_TIMEOUT')
}

function closedEarly(index: number): TidemarkError {
  return new TidemarkError('ERR_RUN_ENDED', `container ${index} was closed while it started`)
}

function smaller(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b)
}

function larger(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b)
}
