import type { CheckpointInfo, SavepointInfo, SavepointOptions } from '../api/app.ts'
import { checkpointName } from '../checkpoint/checkpoint-name.ts'
import { type Lineage, type Lineages, plannedStream } from '../checkpoint/lineage.ts'
import type { Savepoint } from '../checkpoint/savepoint-format.ts'
import type { SavepointFailpoint } from '../checkpoint/savepoint-write.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import type { Plan } from '../dsl/plan.ts'
import { TidemarkError } from '../errors/error.ts'
import type { ProducerState, StreamInfo, SystemHost } from '../log/types.ts'
import { describe } from '../store/descriptor.ts'
import { storeSpecs } from './store-specs.ts'
import type { ContainerGroup } from './container-group.ts'
import type { ControlRequest, ControlResult } from './control.ts'
import type { SourceGroup } from './source-group.ts'
import { joinStates } from './state-metrics.ts'
import type { TaskCheckpoint } from './thread-messages.ts'

export interface SavepointLeaderOptions {
  readonly plan: Plan
  readonly host: SystemHost
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly containers: ContainerGroup
  readonly sources: SourceGroup
  readonly disk: Disk
  readonly clock: Clock
  readonly lineage: Lineage
  readonly lineages: Lineages
  readonly failpoint: (name: SavepointFailpoint) => void
  /** A savepoint has ended: what was put off for it may go on. */
  readonly onEnded: () => void
}

const TIMEOUT_MS = 60_000
const SOURCE_PRODUCER = /^source:/

interface Cut {
  readonly tasks: readonly TaskCheckpoint[]
  readonly producers: readonly ProducerState[]
}

/**
 * The leader of a job's checkpoints and savepoints (design/02). Sources stop and commit; the end offsets of their streams
 * are the cut; tasks come to it one stage after the other, by barriers, and keep what they have committed there. Then all
 * goes on, while the savepoint is written from what is kept.
 */
export class SavepointLeader {
  readonly #options: SavepointLeaderOptions
  #lastMs = Number.NEGATIVE_INFINITY
  #active = false
  /** Rejects when the run ends. */
  readonly #over = Promise.withResolvers<never>()

  constructor(options: SavepointLeaderOptions) {
    this.#options = options
    this.#over.promise.catch(() => {})
  }

  /** A savepoint is being taken: the run must not end meanwhile. */
  get active(): boolean {
    return this.#active
  }

  /** The run ends: what is being done fails with this, and so does what is asked for later. */
  abort(error: Error): void {
    this.#over.reject(error)
  }

  /** Every task commits, and keeps that checkpoint under one name until it is deleted. */
  async checkpoint(): Promise<CheckpointInfo> {
    const { checkpoint, atMs } = this.#name()
    const asked = this.#options.containers.ask({ kind: 'retain', name: { checkpoint, kind: 'manual' } })
    const tasks = await Promise.race([asked, this.#over.promise])
    return { checkpoint, atMs, tasks: tasks.map(({ task, id }) => ({ task, id })) }
  }

  /** Gives a checkpoint up in all tasks; false if there was none of this name. */
  async release(checkpoint: string): Promise<boolean> {
    const asked = this.#options.containers.ask({ kind: 'release', checkpoint })
    return (await Promise.race([asked, this.#over.promise])).length > 0
  }

  /** Does what another process asks for. */
  async serve(request: ControlRequest): Promise<ControlResult> {
    switch (request.kind) {
      case 'checkpoint':
        return { kind: 'checkpoint', ...(await this.checkpoint()) }
      case 'state':
        return { kind: 'state', ...joinStates(await this.#options.containers.states()) }
      case 'release':
        return { kind: 'release', found: await this.release(request.checkpoint) }
      case 'savepoint': {
        const { to, timeoutMs } = request
        const options = { ...(to === null ? {} : { to }), ...(timeoutMs === null ? {} : { timeoutMs }) }
        return { kind: 'savepoint', ...(await this.savepoint(options)) }
      }
    }
  }

  /** Names never repeat within a run, even if the clock stands still or goes back. */
  #name(): { checkpoint: string; atMs: number } {
    const atMs = Math.max(this.#options.clock.now(), this.#lastMs + 1)
    this.#lastMs = atMs
    return { checkpoint: checkpointName(atMs), atMs }
  }

  /** See App.savepoint. */
  async savepoint(options: SavepointOptions): Promise<SavepointInfo> {
    if (this.#active)
      throw new TidemarkError('ERR_SAVEPOINT_BUSY', 'the job is taking a savepoint already: wait for it')
    this.#active = true
    try {
      return await this.#take(options)
    } finally {
      this.#active = false
      this.#options.onEnded()
    }
  }

  async #take(options: SavepointOptions): Promise<SavepointInfo> {
    const { host, disk, clock, containers, lineage, failpoint } = this.#options
    const { checkpoint, atMs } = this.#name()
    const directory = options.to ?? `${host.directory}/savepoints/${checkpoint}`
    const where = { disk, clock, dataDir: host.directory, lineage: lineage.number, failpoint }
    const { SavepointFiles } = await import('./savepoint-files.ts')
    const files = await SavepointFiles.open(directory, where)
    try {
      const startedMs = clock.monotonicMs()
      const cut = await this.#cut(checkpoint, options.timeoutMs ?? TIMEOUT_MS)
      const pausedMs = Math.round(clock.monotonicMs() - startedMs)
      const dataId = (await this.#options.lineages.read())?.dataId ?? ''
      const written = await files.write(this.#describe(checkpoint, atMs, dataId, cut.producers), cut.tasks)
      return { savepoint: checkpoint, directory, atMs, tasks: cut.tasks.length, ...written, pausedMs }
    } finally {
      files.close()
      await containers.tell({ kind: 'release', checkpoint })
    }
  }

  /** Brings all tasks to the cut, and lets them go on. */
  async #cut(savepoint: string, timeoutMs: number): Promise<Cut> {
    const { sources, containers, clock } = this.#options
    const limit = new AbortController()
    const late = clock.sleep(timeoutMs, limit.signal).then(
      () => {
        throw new TidemarkError(
          'ERR_SAVEPOINT_TIMEOUT',
          `the tasks did not come to the cut of savepoint ${savepoint} within ${timeoutMs} ms. The job goes on; ask again with more time, or when it lags less`,
        )
      },
      () => new Promise<never>(() => {}),
    )
    try {
      return await Promise.race([this.#bringToCut(savepoint, limit.signal), late, this.#over.promise])
    } finally {
      limit.abort()
      sources.resume()
      await containers.tell({ kind: 'resume', savepoint })
    }
  }

  async #bringToCut(savepoint: string, given: AbortSignal): Promise<Cut> {
    const { sources, containers, host, failpoint } = this.#options
    await sources.pause()
    // Given up meanwhile: nobody would tell the tasks to go on.
    if (given.aborted) throw new TidemarkError('ERR_SAVEPOINT_TIMEOUT', `savepoint ${savepoint} was given up`)
    failpoint('savepoint-after-pause')
    await host.refresh?.()
    const cuts = this.#cuts()
    const tasks = await containers.ask({ kind: 'barrier', savepoint, cuts })
    failpoint('savepoint-after-barrier')
    return { tasks, producers: await host.producers() }
  }

  #cuts(): Record<string, number[]> {
    const { plan, streams, host } = this.#options
    const cuts: Record<string, number[]> = {}
    for (const { name } of plan.inputs) {
      const { slot, partitions } = streams.get(name) as StreamInfo
      cuts[name] = Array.from({ length: partitions }, (_, p) => host.offsets.end(slot + p))
    }
    return cuts
  }

  #describe(id: string, atMs: number, dataId: string, producers: readonly ProducerState[]): Omit<Savepoint, 'tasks'> {
    const { plan, streams, lineage } = this.#options
    return describeSavepoint({
      id,
      atMs,
      job: plan.job,
      planHash: plan.hash,
      lineage: {
        id: lineage.id,
        number: lineage.number,
        dataId,
        keyed: lineage.keyed,
      },
      stores: storeSpecs(plan.topology.nodes)
        .filter((spec) => !spec.name.startsWith('$'))
        .map((spec) => describe(spec)),
      streams: [...plan.inputs, ...plan.intermediates, ...plan.outputs].flatMap(({ name }) => streams.get(name) ?? []),
      producers,
    })
  }
}

/** What a savepoint says beside its tasks. */
export function describeSavepoint(from: {
  readonly id: string
  readonly atMs: number
  readonly job: string
  readonly planHash: string
  readonly lineage: Savepoint['lineage']
  readonly stores: Savepoint['stores']
  readonly streams: readonly StreamInfo[]
  readonly producers: readonly ProducerState[]
}): Omit<Savepoint, 'tasks'> {
  const { streams, producers, ...rest } = from
  return {
    ...rest,
    streams: [...new Set(streams)].map(({ name, kind, partitions, meta, retentionMs, retentionBytes }) => ({
      name: kind === 'intermediate' ? plannedStream(name) : name,
      kind,
      partitions,
      meta,
      retentionMs,
      retentionBytes,
    })),
    sources: producers
      .filter(({ producer, id }) => SOURCE_PRODUCER.test(producer) && id > 0)
      .map(({ producer, meta, checkpoint }) => ({ producer, meta, position: new TextDecoder().decode(checkpoint) })),
  }
}
