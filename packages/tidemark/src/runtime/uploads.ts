import type { RestoreStatus, UploadStatus } from '../api/app.ts'
import { taskProducer, type Lineage } from '../checkpoint/lineage.ts'
import { inParallel } from '../checkpoint/in-parallel.ts'
import type { ManagerStep } from '../checkpoint/object-manager.ts'
import { openCheckpointManager, placeWithin } from '../checkpoint/open-store.ts'
import { decodeCheckpoint } from '../checkpoint/record.ts'
import { isMarkedDamaged, isRestoreCutOff, markDamaged, restoreState } from '../checkpoint/state-restore.ts'
import { TaskUploader, type UploadPart } from '../checkpoint/task-uploader.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { isSyncFailure } from '../disk/os-error.ts'
import { isTidemarkError, type TidemarkError } from '../errors/error.ts'
import type { Plan } from '../dsl/plan.ts'
import type { ProducerState, SystemHost } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { openLsmBase } from '../lsm/lsm-base.ts'
import { readManifest } from '../lsm/manifest.ts'
import { readRetained } from '../lsm/retained.ts'
import type { ContainerGroup } from './container-group.ts'
import { engineChoice } from './engine-choice.ts'
import { messageOf } from './handler-error.ts'
import { stateDirectory } from './state-directory.ts'
import { inMib, RestoreLog } from './restore-log.ts'
import type { RunSettings } from './settings.ts'
import { storeSpecs } from './store-specs.ts'
import { TaskPlace } from './task-place.ts'
import { UploadRounds } from './upload-round.ts'

/** Where checkpoints are kept beside the data directory, and how. */
export interface UploadSettings {
  /** `file:///directory` or `s3://bucket/prefix`. */
  readonly to: string
  readonly intervalMs: number
  /** Damaged state is replaced by the newest checkpoint that is kept there. */
  readonly repair: boolean
  /** While uploads fail, the journal keeps the changes since the last one, up to this size. */
  readonly maxJournalBytes: number
}

export interface UploadsOptions {
  readonly plan: Plan
  readonly lineage: Lineage
  readonly settings: Pick<RunSettings['container'], 'engine' | 'retention' | 'storeEngines'>
  readonly uploads: UploadSettings
  readonly host: SystemHost
  readonly containers: Pick<ContainerGroup, 'ask' | 'tell'>
  readonly disk: Disk
  readonly clock: Clock
  readonly random: () => number
  readonly failpoint: (name: string) => void
  /** There is another owner, or damage: the run has to end. */
  readonly onFailed: (error: Error) => void
  readonly onWarning: (text: string) => void
  readonly onRestore: ((status: RestoreStatus) => void) | undefined
}

const PROBE_CACHE_BYTES = 1024 * 1024
/** These will not go away by themselves. */
const FATAL = ['ERR_CHECKPOINT_FENCED', 'ERR_CHECKPOINT_AHEAD', 'ERR_STATE_CORRUPT'] as const
/** These are mistakes in what was given, as long as nothing has ever been uploaded. */
const FATAL_AT_FIRST = ['ERR_OBJECT_STORE_ACCESS', 'ERR_OBJECT_STORE_UNSAFE', 'ERR_DISK_ACCESS'] as const
const WARN_EVERY_MS = 60_000

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Keeps checkpoints of all tasks at another place, in the background, and restores tasks from there whose state is gone.
 * Tasks are asked to keep a checkpoint, its new files are uploaded from here, then it is given up again: containers wait
 * for nothing. The journal keeps the changes since, so that state restored from there can catch up.
 */
export class Uploads {
  readonly #options: UploadsOptions
  readonly #manager: ReturnType<typeof openCheckpointManager>
  readonly #uploaders: readonly TaskUploader[]
  readonly #places: readonly TaskPlace[]
  readonly #stop = new AbortController()
  readonly #rounds: UploadRounds
  #loop: Promise<void> = Promise.resolve()
  /** Settles when the containers have answered. */
  #asked: Promise<unknown> = Promise.resolve()
  #number = 0
  #lastAtMs: number | null = null
  #bytes = 0
  #files = 0
  #failures = 0
  #warnedAtMs = Number.NEGATIVE_INFINITY
  #gapWarned = false

  /** Throws ERR_CHECKPOINT_TARGET, ERR_S3_MISSING. */
  constructor(options: UploadsOptions) {
    this.#options = options
    this.#rounds = new UploadRounds(() => options.clock.monotonicMs())
    const { uploads, plan, lineage, settings, disk, clock, random, failpoint, host } = options
    this.#manager = openCheckpointManager({
      to: placeWithin(uploads.to, [plan.job, lineage.id]),
      disk,
      clock,
      random,
      failpoint: (name: ManagerStep) => failpoint(name),
    })
    const choice = engineChoice(settings, storeSpecs(plan.topology.nodes))
    this.#places = Array.from({ length: plan.tasks }, (_, task) => {
      return new TaskPlace(disk, stateDirectory(host.directory, task, lineage.number), choice)
    })
    this.#uploaders = this.#places.map(
      ({ files }, task) =>
        new TaskUploader({
          manager: this.#manager,
          task: String(task),
          disk,
          directory: files,
          nowMs: () => clock.monotonicMs(),
          retain: settings.retention.policy,
          pause,
        }),
    )
  }

  #place(task: number): TaskPlace {
    return this.#places[task] as TaskPlace
  }

  status(): UploadStatus {
    const { uploads, clock } = this.#options
    return {
      to: uploads.to,
      ageMs: this.#lastAtMs === null ? null : Math.max(0, clock.now() - this.#lastAtMs),
      files: this.#files,
      bytes: this.#bytes,
      failures: this.#failures,
      round: this.#rounds.status(),
    }
  }

  /**
   * Before tasks are opened: restores those whose state files are missing, or damaged if the settings say so, all at the
   * same time, and says what was; null when nothing had to be. ERR_STATE_CORRUPT when they do not. Errors of the manager.
   */
  async restoreMissing(): Promise<RestoreStatus | null> {
    const { onWarning, onRestore, clock, uploads } = this.#options
    const log = new RestoreLog({
      from: uploads.to,
      nowMs: () => clock.monotonicMs(),
      say: onWarning,
      onStatus: onRestore,
    })
    const results = await Promise.allSettled(this.#uploaders.map((_, task) => this.#restoreTask(task, log)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return log.status()
  }

  async #restoreTask(task: number, log: RestoreLog): Promise<void> {
    const { disk, host, plan, lineage, failpoint, onWarning, uploads } = this.#options
    const producer = await host.producer(taskProducer(plan.job, lineage.number, task))
    if (producer === undefined || producer.id === 0) return
    const place = this.#place(task)
    const why = this.#whyRestore(task, producer)
    if (why === null) return
    const restored = await restoreState({
      manager: this.#manager,
      task: String(task),
      disk,
      directory: place.files,
      committedId: producer.id,
      onWipe: () => place.removeEngines(),
      onBegin: () => {
        log.begin(task)
        onWarning(`task ${task} is restored from ${uploads.to}: ${why}`)
      },
      onProgress: (progress) => log.progress(task, progress),
      failpoint,
      pause,
    })
    if (restored === null) return
    log.end(task)
    const bytes = restored.files.reduce((sum, file) => sum + file.sizeBytes, 0)
    const seconds = log.seconds.toFixed(1)
    onWarning(`task ${task} is restored: checkpoint ${restored.id}, ${inMib(bytes)} in ${seconds} s`)
  }

  /** Null when the state can be opened as it is. */
  #whyRestore(task: number, producer: ProducerState): string | null {
    const { disk, uploads } = this.#options
    const place = this.#place(task)
    const { directory, files } = place
    if (isRestoreCutOff({ disk, directory: files, task: String(task) })) return 'a restore of it was cut off'
    try {
      const manifest = readManifest(disk, files)
      // Engines that have their state make their shadow again, and are filled from a shadow that is whole.
      const missing = place.isShadowed ? (manifest?.id ?? 0) === 0 && !place.hasEngines : manifest === null
      if (missing) {
        // A task that has never changed anything needs no files.
        const { lastDeltaId } = decodeCheckpoint(producer.checkpoint, producer.producer)
        return lastDeltaId === 0 ? null : 'its state files are missing'
      }
      openLsmBase({
        disk,
        directory: files,
        cache: new BlockCache({ capacityBytes: PROBE_CACHE_BYTES }),
        readOnly: true,
      }).close()
      if (uploads.repair && isMarkedDamaged(disk, directory)) return 'a read has found damage in its state files'
      return null
    } catch (error) {
      if (!uploads.repair || !isTidemarkError(error, 'ERR_STATE_CORRUPT')) throw error
      return messageOf(error)
    }
  }

  /** If damage in a task's files was the reason, the next start knows. */
  #noteDamage(error: Error): void {
    const { disk, uploads, onWarning } = this.#options
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      if (!isTidemarkError(cause, 'ERR_STATE_CORRUPT')) continue
      // Other engines know of no file, but of the directory that they have.
      const file = cause.details['file'] ?? cause.details['path']
      if (typeof file !== 'string') continue
      const task = this.#places.findIndex(({ directory }) => file.startsWith(`${directory}/`))
      if (task === -1) continue
      markDamaged(disk, this.#place(task).directory)
      const then = uploads.repair ? 'The next start restores it' : 'Start with checkpoint.repair to have it restored'
      onWarning(`the state of task ${task} is damaged. ${then} from ${uploads.to}.`)
    }
  }

  /** Uploads now and then until `finish` or `close`. */
  start(): void {
    this.#loop = this.#run()
  }

  async #run(): Promise<void> {
    const { uploads, clock } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.#attempt(() => this.#uploadAll())
      if (signal.aborted) return
      await clock.sleep(uploads.intervalMs, signal).catch(() => {})
    }
  }

  /** The whole round counts as one attempt: a failure is told, and the next round tries again. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    const { clock, onFailed, onWarning, uploads } = this.#options
    try {
      this.#rounds.begin()
      await work().finally(() => this.#rounds.end())
      if (this.#failures > 0) onWarning(`checkpoints are uploaded to ${uploads.to} again`)
      this.#failures = 0
      this.#gapWarned = false
      this.#lastAtMs = clock.now()
    } catch (error) {
      if (this.#stop.signal.aborted && isTidemarkError(error, 'ERR_RUN_ENDED')) return
      if (this.#isFatal(error)) return onFailed(error as Error)
      this.#failures++
      const now = clock.monotonicMs()
      if (now - this.#warnedAtMs < WARN_EVERY_MS) return
      this.#warnedAtMs = now
      onWarning(
        `checkpoints could not be uploaded to ${uploads.to}: ${messageOf(error)}. It is tried again every ` +
          `${uploads.intervalMs} ms; the journal keeps the changes until then.`,
      )
    }
  }

  #isFatal(error: unknown): boolean {
    // A container that crashed is started again: the next round asks it.
    if (isTidemarkError(error, 'ERR_RUN_ENDED') || isTidemarkError(error, 'ERR_CONTAINER_CRASHED')) return false
    if (!isTidemarkError(error) || error.domain === 'internal' || isSyncFailure(error)) return true
    const codes: readonly string[] = this.#lastAtMs === null ? [...FATAL, ...FATAL_AT_FIRST] : FATAL
    return codes.includes((error satisfies TidemarkError).code)
  }

  async #uploadAll(): Promise<void> {
    const { containers, disk } = this.#options
    const checkpoint = `upload-${++this.#number}`
    const asked = containers.ask({ kind: 'retain', name: { checkpoint, kind: 'savepoint' } })
    this.#asked = asked.catch(() => {})
    const kept = await asked
    try {
      const outcomes = await Promise.allSettled(
        kept.map(async ({ task, id, record }) => {
          if (id === 0 || id === this.#uploaders[task]?.uploadedId) return
          await this.#upload(task, { id, record, manifest: readRetained(disk, this.#place(task).files, id) })
        }),
      )
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (failed === undefined) return
      await this.#boundJournal(kept)
      throw failed.reason
    } finally {
      // A container that is gone drops it when it is started again.
      await containers.tell({ kind: 'release', checkpoint })
    }
  }

  async #upload(task: number, part: UploadPart): Promise<void> {
    const { host, plan, lineage } = this.#options
    const uploader = this.#uploaders[task] as TaskUploader
    const { id, files, bytes } = await uploader.upload(part, (progress) => this.#rounds.progress(task, progress))
    this.#files += files
    this.#bytes += bytes
    // Only now may the journal forget: what is restored from there goes on with what it has.
    await host.flushed(taskProducer(plan.job, lineage.number, task), Math.min(id, part.id))
    await uploader.clean()
  }

  /** The journal is not kept for ever: beyond its bound the state files here are the only copy. */
  async #boundJournal(kept: readonly { readonly task: number; readonly id: number }[]): Promise<void> {
    const { host, plan, lineage, uploads, onWarning } = this.#options
    const { journalBytes } = await host.statistics()
    if (journalBytes <= uploads.maxJournalBytes) return
    await inParallel(kept, async ({ task, id }) => {
      if (id > 0) await host.flushed(taskProducer(plan.job, lineage.number, task), id)
    })
    if (this.#gapWarned) return
    this.#gapWarned = true
    onWarning(
      `the journal has ${journalBytes} bytes (checkpoint.maxJournalBytes is ${uploads.maxJournalBytes}): it keeps no ` +
        `changes for ${uploads.to} any more. Until an upload succeeds, the state files here are the only copy.`,
    )
  }

  /** No round begins any more, and the containers are not asked anything that they would have to commit for. */
  async stopRounds(): Promise<void> {
    this.#stop.abort()
    await this.#asked
  }

  /**
   * After the containers have drained and closed: uploads what their state files hold, if it takes no longer than
   * `limitMs`. Never rejects.
   */
  async finish(limitMs: number): Promise<void> {
    const { clock, onWarning, uploads } = this.#options
    await this.stopRounds()
    const limit = new AbortController()
    const late = clock.sleep(limitMs, limit.signal).then(
      () => onWarning(`the last checkpoint is not at ${uploads.to} yet: the next run uploads it`),
      () => {},
    )
    await Promise.race([this.#loop.then(() => this.#attempt(() => this.#uploadFiles())), late])
    limit.abort()
    this.#manager.close()
  }

  async #uploadFiles(): Promise<void> {
    const { disk, host, plan, lineage } = this.#options
    await inParallel([...this.#uploaders.keys()], async (task) => {
      const producer = await host.producer(taskProducer(plan.job, lineage.number, task))
      const manifest = readManifest(disk, this.#place(task).files)
      if (producer === undefined || producer.id === 0 || manifest === null) return
      const record = decodeCheckpoint(producer.checkpoint, producer.producer)
      // What a drain could not flush is in the journal.
      if (record.lastDeltaId > manifest.id || producer.id === this.#uploaders[task]?.uploadedId) return
      await this.#upload(task, { id: producer.id, record, manifest })
    })
  }

  /** The run has failed: gives up what is under way. */
  close(cause: Error): void {
    this.#stop.abort()
    this.#noteDamage(cause)
    this.#manager.close()
  }
}
