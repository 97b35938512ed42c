import type { Job } from '../api/job.ts'
import type { StateMetrics } from '../api/state-metrics.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { enginesClosed } from '../engines/closing.ts'
import { fromWireError } from '../errors/error.ts'
import type { LogPort } from '../log/types.ts'
import { ThreadCompactor } from '../lsm/thread-compactor.ts'
import type { ContainerHost, HostOptions } from './container-host.ts'
import { compactionDelayed, ContainerRunner } from './container-runner.ts'
import { failpointFromEnvironment } from './failpoint.ts'
import { openPort } from './open-port.ts'
import type { ContainerRequest, QueryEntry, StoreQuery, TaskCheckpoint } from './thread-messages.ts'

/** A container on this thread: for a job given as a value. A crash of it is a crash of the process. */
export class LocalContainer implements ContainerHost {
  readonly #runner: ContainerRunner
  readonly #port: LogPort
  readonly #compactor: ThreadCompactor

  /** Opens the container's tasks. Errors as `ContainerRunner.open`. */
  static async open(job: Job, disk: Disk, clock: Clock, options: HostOptions): Promise<LocalContainer> {
    const startedMs = clock.monotonicMs()
    const port = await openPort(options.log)
    const compactor = new ThreadCompactor(options.compaction, (error) => {
      options.events.onLog('warn', compactionDelayed(error))
    })
    const runner = await ContainerRunner.open({
      job,
      settings: options.settings,
      streams: options.streams,
      grants: options.grants,
      port,
      compactor,
      disk,
      clock,
      pulse: options.pulse,
      yieldNow: () => new Promise((resolve) => setImmediate(resolve)),
      failpoint: failpointFromEnvironment(),
      onStatus: options.events.onStatus,
      onLog: options.events.onLog,
      onFailed: options.events.onFailed,
    })
    options.events.onReady(clock.monotonicMs() - startedMs)
    runner.start()
    return new LocalContainer(runner, port, compactor)
  }

  /** Use `LocalContainer.open`. */
  constructor(runner: ContainerRunner, port: LogPort, compactor: ThreadCompactor) {
    this.#runner = runner
    this.#port = port
    this.#compactor = compactor
  }

  setEnd(stream: string, ends: readonly number[]): void {
    this.#runner.container.setEnd(stream, ends)
  }

  requestCommit(): void {
    this.#runner.container.requestCommit()
  }

  drain(): Promise<void> {
    return this.#runner.drain()
  }

  async query(query: StoreQuery): Promise<readonly QueryEntry[]> {
    const { entries, error } = await this.#runner.query(query)
    if (error !== null) throw fromWireError(error)
    return entries
  }

  ask(request: ContainerRequest): Promise<readonly TaskCheckpoint[]> {
    return this.#runner.container.ask(request)
  }

  async state(): Promise<StateMetrics> {
    return this.#runner.state()
  }

  abandon(): void {}

  close(): Promise<void> {
    this.#runner.close()
    this.#port.close()
    this.#compactor.close()
    return enginesClosed()
  }
}
