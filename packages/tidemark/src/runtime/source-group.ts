import type { ErrorPolicy, InputSpec, RunOptions } from '../api/app.ts'
import type { StreamDef } from '../api/stream.ts'
import type { Clock } from '../clock/clock.ts'
import type { LogPort, StreamInfo, SystemHost } from '../log/types.ts'
import type { Ingest } from '../sources/ingest.ts'
import { prepareStream } from './prepare-serdes.ts'

/** How often it is looked whether all sources stand still. */
const PAUSE_LOOK_MS = 2

export interface SourceGroupOptions {
  readonly host: SystemHost
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly clock: Clock
  readonly onError: ErrorPolicy
  readonly onWarning: (text: string) => void
  /** All inputs of a stream are finite and have been read to their end. */
  readonly onEnd: (stream: string) => void
  readonly onFailed: (error: Error) => void
}

/**
 * The sources of a run, on the supervisor's thread (a thread other than the first has no standard input). Several inputs
 * of one stream are read one after the other, so that the stream is the same in every run; followed ones side by side.
 */
export class SourceGroup {
  readonly #options: SourceGroupOptions
  readonly #ingests: Ingest[] = []
  readonly #running: Promise<void>[] = []
  readonly #ports: LogPort[] = []
  #stopping = false
  #abandoned = false
  #pausing = false

  constructor(options: SourceGroupOptions) {
    this.#options = options
  }

  get rows(): number {
    return this.#ingests.reduce((sum, ingest) => sum + ingest.progress().committedRows, 0)
  }

  get dropped(): number {
    return this.#ingests.reduce((sum, ingest) => sum + ingest.progress().dropped, 0)
  }

  get deadLettered(): number {
    return this.#ingests.reduce((sum, ingest) => sum + ingest.progress().deadLettered, 0)
  }

  /** Loads what reads inputs, while the containers start; a run that only goes on with its streams never does. */
  async prepare(inputs: RunOptions['inputs']): Promise<void> {
    if (Object.values(inputs ?? {}).some((specs) => specs.length > 0)) await import('./open-ingest.ts')
  }

  /** Starts to read a stream's inputs; problems come by `onFailed`. */
  start(stream: StreamDef<unknown, unknown>, specs: readonly InputSpec[]): void {
    const finite = specs.filter((s) => s.follow !== true)
    const followed = specs.filter((s) => s.follow === true)
    this.#run(async () => {
      for (const spec of finite) if (!this.#stopping) await this.#ingest(stream, spec)
      if (followed.length === 0 && !this.#stopping) this.#options.onEnd(stream.name)
    })
    for (const spec of followed) this.#run(() => this.#ingest(stream, spec))
  }

  #run(work: () => Promise<void>): void {
    const running = work().catch((error: unknown) => {
      this.#stopping = true
      if (!this.#abandoned) this.#options.onFailed(error instanceof Error ? error : new Error(String(error)))
    })
    this.#running.push(running)
  }

  async #ingest(stream: StreamDef<unknown, unknown>, spec: InputSpec): Promise<void> {
    const { openIngest } = await import('./open-ingest.ts')
    await prepareStream(stream)
    const environment = { ...this.#options, pauseWhile: () => this.#pausing }
    const { ingest, port } = await openIngest(environment, stream, spec)
    this.#ports.push(port)
    this.#ingests.push(ingest)
    if (this.#stopping) ingest.stop()
    await ingest.run()
  }

  /** Settles when no source adds anything any more, and all that they have given is committed; until `resume`. */
  async pause(): Promise<void> {
    this.#pausing = true
    while (this.#pausing && !this.#stopping && this.#ingests.some((ingest) => !ingest.paused)) {
      await this.#options.clock.sleep(PAUSE_LOOK_MS)
    }
  }

  resume(): void {
    this.#pausing = false
  }

  /** Commits what was read and ends. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const ingest of this.#ingests) ingest.stop()
    await Promise.all(this.#running)
    for (const port of this.#ports) port.close()
  }

  /** The run is over by an error: what the sources still meet is of no interest. */
  abandon(): void {
    this.#abandoned = true
    this.#stopping = true
    for (const ingest of this.#ingests) ingest.stop()
  }
}
