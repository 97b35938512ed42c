import type { Progress, RestoreStatus, RunOptions, Summary } from '../api/app.ts'
import type { Job } from '../api/job.ts'
import type { StateMetrics, StateSummary } from '../api/state-metrics.ts'
import { type Lineage, lineagesOf } from '../checkpoint/lineage.ts'
import type { Clock } from '../clock/clock.ts'
import { randomFrom } from '../clock/unique-id.ts'
import type { Disk } from '../disk/disk.ts'
import type { Plan } from '../dsl/plan.ts'
import { TidemarkError } from '../errors/error.ts'
import { LogHost } from '../log/embedded/log-host.ts'
import type { StreamInfo, SystemHost } from '../log/types.ts'
import { ContainerGroup } from './container-group.ts'
import { Control } from './control.ts'
import { storeSpecs } from './store-specs.ts'
import { createStreams } from './create-streams.ts'
import { assertEngines, engineChoice } from './engine-choice.ts'
import { flushRetired } from './flush-retired.ts'
import { failpointFromEnvironment } from './failpoint.ts'
import { jobPlan } from './job-plan.ts'
import type { LiveFiles } from './live-files.ts'
import { SavepointLeader } from './savepoint-leader.ts'
import { checkNames, deadLettersOf, finiteInputs } from './run-streams.ts'
import { type RunSettings, runSettings } from './settings.ts'
import { SinkGroup } from './sink-group.ts'
import { openSystem } from './open-system.ts'
import { SourceGroup } from './source-group.ts'
import { joinStates, summarizeStates } from './state-metrics.ts'
import type { ThreadStock } from './thread-stock.ts'
import type { Uploads } from './uploads.ts'

export interface SupervisorOptions {
  readonly job: Job
  /** Null: the job was given as a value, and runs on this thread. */
  readonly jobUrl: string | null
  readonly run: RunOptions
  readonly disk: Disk
  readonly clock: Clock
  readonly defaultContainers: number
  readonly cpuSeconds: () => number
  /** Makes a name that is unique in the world. */
  readonly newId: () => string
  /** Where its threads come from: some may wait already. */
  readonly threads: ThreadStock
}

const PROGRESS_WINDOW_MS = 2000
const TRIM_INTERVAL_MS = 5000
const TICK_MS = 250

/**
 * The main thread of a node: opens the log, starts sources, containers and sinks, watches them, and ends the run: by
 * itself when all input is finite and processed, by drain, or by an error.
 */
export class Supervisor {
  readonly plan: Plan
  readonly host: SystemHost
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly containers: ContainerGroup
  readonly savepoints: SavepointLeader
  readonly done: Promise<Summary>
  readonly #options: SupervisorOptions
  readonly #settings: RunSettings
  readonly #sources: SourceGroup
  readonly #sinks: SinkGroup
  readonly #finite: ReadonlySet<string>
  readonly #ends = new Map<string, readonly number[]>()
  readonly #timer: NodeJS.Timeout
  readonly #control: Control
  /** Made when it is asked for: see `state`. */
  #liveFiles: LiveFiles | null = null
  /** Null: checkpoints are kept in the data directory only. */
  readonly #uploads: Uploads | null
  #phase: Progress['phase'] = 'starting'
  /** What was put into the data directory before the tasks were opened. */
  #restore: RestoreStatus | null = null
  #cpuStart: number
  #ending: Promise<Summary> | null = null
  #rate = { atMs: 0, records: 0, perSecond: 0 }
  #trimmedAtMs = 0
  /** At the end: what the state held, before it was closed. */
  #state: StateSummary | null = null
  #settle: { resolve: (summary: Summary) => void; reject: (error: Error) => void }

  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const settings = runSettings(options.run, { containers: options.jobUrl === null ? 0 : options.defaultContainers })
    if (options.jobUrl === null && settings.containers !== 0) {
      throw new TidemarkError(
        'ERR_OPTION',
        'a job given as a value runs on this thread: give its module to use containers',
      )
    }
    const { threads, jobUrl } = options
    if (jobUrl !== null) {
      // Streams that exist may have more partitions, or fewer.
      const { tasks } = jobPlan(options.job, { existing: [], defaultPartitions: settings.partitions })
      const { system } = options.run
      threads.prepare(Math.min(settings.containers, tasks), system === undefined)
      threads.load(jobUrl)
      if (system?.portModule !== undefined) threads.load(system.portModule)
    }
    try {
      return await Supervisor.#open(options, settings)
    } finally {
      await threads.close()
    }
  }

  static async #open(options: SupervisorOptions, settings: RunSettings): Promise<Supervisor> {
    const { threads, job, run } = options
    const host =
      run.system === undefined
        ? await LogHost.start({ directory: settings.directory, job: job.name, thread: threads.log() })
        : await openSystem(run.system, job, run, settings)
    const supervisor = await Supervisor.#prepare(options, settings, host)
    try {
      await supervisor.#begin()
    } catch (error) {
      void supervisor.#fail(error as Error)
      // Whoever sees the error may open the directory again: containers and log are closed by then. What failed first tells.
      await supervisor.done
      throw error
    }
    return supervisor
  }

  static async #prepare(options: SupervisorOptions, settings: RunSettings, host: SystemHost): Promise<Supervisor> {
    try {
      let restored: RestoreStatus | null = null
      const lineage = await Supervisor.#lineage(options, settings, host, (status) => (restored = status))
      const existing = await host.streams()
      const planned = jobPlan(options.job, {
        existing,
        defaultPartitions: settings.partitions,
        lineage: lineage.number,
        keyed: lineage.keyed,
        ...(options.run.outputs === undefined ? {} : { outputs: options.run.outputs }),
      })
      checkNames(planned, options.run)
      assertEngines(settings.container, storeSpecs(planned.topology.nodes))
      const streams = await createStreams(host, planned, settings, deadLettersOf(options.run))
      // Most runs keep checkpoints in the data directory only.
      const uploads = settings.uploads === null ? null : (await import('./uploads.ts')).Uploads
      const supervisor = new Supervisor(options, settings, host, planned, streams, lineage, uploads)
      supervisor.#restore = restored
      return supervisor
    } catch (error) {
      await host.close()
      throw error
    }
  }

  static async #lineage(
    options: SupervisorOptions,
    settings: RunSettings,
    host: SystemHost,
    onRestored: (status: RestoreStatus | null) => void,
  ): Promise<Lineage> {
    const { job, run, disk, clock, newId } = options
    // The usual start goes on where the last run ended, and needs nothing that starts from savepoints.
    const lineages = lineagesOf(host, disk)
    const current = run.from === undefined ? (await lineages.read())?.current : null
    if (current !== undefined && current !== null) return current
    const { chooseLineage } = await import('./start-from.ts')
    return chooseLineage({
      job: job.name,
      from: run.from ?? null,
      planFor: (existing, lineage, keyed) => {
        const planned = jobPlan(job, { existing, defaultPartitions: settings.partitions, lineage, keyed })
        return { planned, choice: engineChoice(settings.container, storeSpecs(planned.topology.nodes)) }
      },
      shadow: settings.container.shadow,
      host,
      lineages,
      disk,
      clock,
      newId,
      failpoint: failpointFromEnvironment(),
      onWarning: (text) => run.onWarning?.(text),
      onRestore: run.onRestore,
      onRestored,
    })
  }

  private constructor(
    options: SupervisorOptions,
    given: RunSettings,
    host: SystemHost,
    planned: Plan,
    streams: ReadonlyMap<string, StreamInfo>,
    lineage: Lineage,
    uploads: typeof Uploads | null,
  ) {
    const settings = { ...given, container: { ...given.container, lineage: lineage.number, keyed: lineage.keyed } }
    this.#options = options
    this.#settings = settings
    this.host = host
    this.plan = planned
    this.streams = streams
    this.#cpuStart = options.cpuSeconds()
    const settle = Promise.withResolvers<Summary>()
    this.done = settle.promise
    // Whoever does not look at `done` learns of an error by drain or dispose.
    this.done.catch(() => {})
    this.#settle = settle
    this.#finite = finiteInputs(planned, options.run)
    const warn = (text: string): void => options.run.onWarning?.(text)
    this.containers = new ContainerGroup({
      job: options.job,
      jobUrl: options.jobUrl,
      plan: planned,
      streams,
      host,
      settings,
      disk: options.disk,
      clock: options.clock,
      threads: options.threads,
      onChange: () => this.#look(),
      onFailed: (error) => void this.#fail(error),
      onWarning: warn,
    })
    this.#sources = new SourceGroup({
      host,
      streams,
      clock: options.clock,
      onError: settings.container.onError,
      onWarning: warn,
      onEnd: (stream) => this.#ended(stream),
      onFailed: (error) => void this.#fail(error),
    })
    this.savepoints = new SavepointLeader({
      plan: planned,
      host,
      streams,
      containers: this.containers,
      sources: this.#sources,
      disk: options.disk,
      clock: options.clock,
      lineage,
      lineages: lineagesOf(host, options.disk),
      failpoint: failpointFromEnvironment(),
      onEnded: () => this.#look(),
    })
    this.#sinks = new SinkGroup({ host, streams, disk: options.disk, onFailed: (error) => void this.#fail(error) })
    this.#control = new Control({
      disk: options.disk,
      dataDir: host.directory,
      pid: process.pid,
      serve: (request) => this.savepoints.serve(request),
    })
    this.#uploads = uploads === null ? null : this.#makeUploads(uploads, lineage)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    void host.failure.then((error) => this.#fail(error))
  }

  #makeUploads(Type: typeof Uploads, lineage: Lineage): Uploads | null {
    const { disk, clock, newId, run } = this.#options
    const { uploads } = this.#settings
    if (uploads === null) return null
    return new Type({
      plan: this.plan,
      lineage,
      settings: this.#settings.container,
      uploads,
      host: this.host,
      containers: this.containers,
      disk,
      clock,
      random: randomFrom(newId),
      failpoint: failpointFromEnvironment(),
      onFailed: (error) => void this.#fail(error),
      onWarning: (text) => run.onWarning?.(text),
      onRestore: run.onRestore,
    })
  }

  async #begin(): Promise<void> {
    const { disk, run } = this.#options
    this.#phase = 'restoring'
    const { host, plan } = this
    const onWarning = (text: string): void => run.onWarning?.(text)
    await flushRetired({ host, disk, tasks: plan.tasks, lineage: this.#settings.container.lineage, onWarning })
    this.#restore = (await this.#uploads?.restoreMissing()) ?? this.#restore
    await Promise.all([this.containers.start(), this.#sources.prepare(run.inputs)])
    // A job may fail as it starts (by its `init`, say): `done` tells, and nothing more is to be started.
    if (this.#over) return
    this.#cpuStart = this.#options.cpuSeconds()
    this.#phase = 'running'
    this.#uploads?.start()
    for (const { name, stream } of this.plan.inputs) {
      const specs = run.inputs?.[name] ?? []
      if (specs.length > 0) this.#sources.start(stream, specs)
      else if (this.#finite.has(name)) this.#ended(name)
    }
    for (const { name, stream } of [...this.plan.inputs, ...this.plan.outputs]) {
      if (stream !== null) for (const spec of run.outputs?.[name] ?? []) await this.#sinks.start(stream, spec)
    }
  }

  /** A finite source stream is complete: its end offsets of now are its end. */
  #ended(stream: string): void {
    if (!this.#finite.has(stream)) return
    const info = this.streams.get(stream) as StreamInfo
    const ends = Array.from({ length: info.partitions }, (_, p) => this.host.offsets.end(info.slot + p))
    this.#ends.set(stream, ends)
    this.containers.setEnd(stream, ends)
  }

  /** Looks whether all input is finite and processed: then the run ends. */
  #look(): void {
    if (this.#ending !== null || this.#phase !== 'running' || this.savepoints.active) return
    if (this.#finite.size < this.plan.inputs.length) return
    for (const { name } of this.plan.inputs) if (!this.#ends.has(name)) return
    if (this.containers.finished()) this.drainAs('input').catch(() => {})
  }

  #tick(): void {
    if (this.#phase === 'running') this.#control.look()
    const nowMs = this.#options.clock.monotonicMs()
    this.containers.watch()
    const records = this.containers.records
    const elapsedMs = nowMs - this.#rate.atMs
    if (elapsedMs >= PROGRESS_WINDOW_MS || this.#rate.atMs === 0) {
      const perSecond = this.#rate.atMs === 0 ? 0 : ((records - this.#rate.records) * 1000) / elapsedMs
      this.#rate = { atMs: nowMs, records, perSecond }
    }
    if (nowMs - this.#trimmedAtMs > TRIM_INTERVAL_MS && this.#phase === 'running') {
      this.#trimmedAtMs = nowMs
      this.#trim()
    }
  }

  /** Intermediate records that every reader has committed are of no more use. */
  #trim(): void {
    for (const { stream } of this.plan.intermediates) {
      const info = this.streams.get(stream.name) as StreamInfo
      for (const [partition, position] of this.containers.committedPositions(stream.name)) {
        this.host.trim(info.id, partition, position).catch((error: unknown) => void this.#fail(error as Error))
      }
    }
  }

  progress(): Progress {
    const { containers, host } = this
    let lag = 0
    for (const { name } of [...this.plan.inputs, ...this.plan.intermediates]) {
      const info = this.streams.get(name) as StreamInfo
      for (let p = 0; p < info.partitions; p++) {
        // Where a task stands is not known before it was heard of: then it adds nothing, rather than its whole history.
        const end = host.offsets.end(info.slot + p)
        lag += Math.max(0, end - containers.position(name, p, end))
      }
    }
    return {
      records: containers.records,
      recordsPerSecond: Math.round(this.#rate.perSecond),
      lag,
      ingested: this.#sources.rows,
      checkpointAgeMs:
        containers.lastCommitMs === null ? null : Math.max(0, this.#options.clock.now() - containers.lastCommitMs),
      checkpoints: containers.checkpoints,
      restarts: containers.restarts,
      tasks: this.plan.tasks,
      dropped: containers.dropped + this.#sources.dropped,
      deadLettered: containers.deadLettered + this.#sources.deadLettered,
      late: containers.late,
      tables: containers.tables,
      phase: this.#phase,
      uploads: this.#uploads?.status() ?? null,
      restore: this.#restore,
    }
  }

  /**
   * Stops inputs, commits what was processed, ends. The same promise however often it is asked; after an error it
   * rejects with that error.
   */
  drainAs(ended: Summary['ended']): Promise<Summary> {
    if (this.#phase === 'ended') return this.done
    this.#ending ??= this.#drain(ended)
    return this.#ending
  }

  async #drain(ended: Summary['ended']): Promise<Summary> {
    this.#phase = 'draining'
    this.savepoints.abort(new TidemarkError('ERR_RUN_ENDED', 'the run was drained while it took a savepoint'))
    const deadline = setTimeout(() => {
      void this.#fail(
        new TidemarkError('ERR_DRAIN_TIMEOUT', `the run could not drain within ${this.#settings.drainTimeoutMs} ms`),
      )
    }, this.#settings.drainTimeoutMs)
    try {
      // A failure on the way (of the deadline, say) settles `done`, though what is waited for may never end.
      await Promise.race([this.#finishWork(), this.done])
      if (this.#over) return await this.done
      await this.#close()
      const summary = this.#summary(ended)
      this.#phase = 'ended'
      this.#settle.resolve(summary)
    } catch (error) {
      await this.#fail(error as Error)
    } finally {
      clearTimeout(deadline)
    }
    return this.done
  }

  async #finishWork(): Promise<void> {
    await this.#sources.stop()
    await this.#uploads?.stopRounds()
    await this.containers.drain()
    if (!this.#over) this.#state = await this.containers.states().then(summarizeStates, () => null)
    if (!this.#over) await this.#sinks.finish()
  }

  get #over(): boolean {
    return this.#phase === 'ended'
  }

  /** See App.state. */
  async state(): Promise<StateMetrics> {
    if (this.#over)
      throw new TidemarkError('ERR_RUN_ENDED', 'the run is over: its state is read from the data directory')
    const states = joinStates(await this.containers.states())
    const { disk, clock } = this.#options
    const { lineage } = this.#settings.container
    // What opens state files is loaded by those who ask.
    const { LiveFiles } = await import('./live-files.ts')
    const { topology } = this.plan
    this.#liveFiles ??= new LiveFiles({ disk, clock, topology, dataDir: this.host.directory, lineage })
    return this.#liveFiles.added(states)
  }

  #summary(ended: Summary['ended']): Summary {
    const { containers } = this
    const first = containers.firstRecordMs
    const last = containers.lastCommitMs
    const records = containers.records
    return {
      job: this.plan.job,
      records,
      ingested: this.#sources.rows,
      seconds: first === null || last === null ? 0 : Math.max(0, last - first) / 1000,
      cpuSeconds: Math.max(0, this.#options.cpuSeconds() - this.#cpuStart),
      checkpoints: containers.checkpoints,
      restoredMs: containers.restoredMs,
      restarts: containers.restarts,
      dropped: containers.dropped + this.#sources.dropped,
      deadLettered: containers.deadLettered + this.#sources.deadLettered,
      late: containers.late,
      tables: containers.tables,
      tasks: this.plan.tasks,
      containers: this.#settings.containers,
      dataDir: this.#settings.directory,
      upToDate: records === 0 && this.#sources.rows === 0 && containers.checkpoints === 0,
      ended,
      state: this.#state,
    }
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer)
    this.#sinks.close()
    await this.containers.close()
    // Nothing is lost without it, so it may take no more than half of the time.
    await this.#uploads?.finish(this.#settings.drainTimeoutMs / 2)
    await this.host.close()
  }

  async #fail(cause: Error): Promise<void> {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.savepoints.abort(cause)
    this.#uploads?.close(cause)
    clearInterval(this.#timer)
    this.#sources.abandon()
    this.#sinks.close()
    await this.containers.close()
    // The first error is the one to tell; closing after it may well meet the same trouble.
    await Promise.allSettled([this.host.close()])
    this.#settle.reject(cause)
  }
}
