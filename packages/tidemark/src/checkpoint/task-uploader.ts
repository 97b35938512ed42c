import type { Disk } from '../disk/disk.ts'
import { tellingReads } from '../disk/telling-reads.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { corrupt } from '../lsm/format.ts'
import { decodeManifest, encodeManifest, type FileEntry, type Manifest } from '../lsm/manifest.ts'
import { verifyFile } from '../lsm/verify-file.ts'
import type { Checkpoint, CheckpointFile, CheckpointManager } from './manager.ts'
import type { CheckpointRecord } from './record.ts'
import type { RetentionPolicy } from './retention.ts'

const ORPHANS_EVERY_MS = 3_600_000
const RETIRE_EVERY_MS = 60_000

/** A checkpoint of a task whose files stay in its state directory until it is uploaded. */
export interface UploadPart {
  /** The commit whose state and positions these are. */
  readonly id: number
  readonly record: CheckpointRecord
  readonly manifest: Manifest
}

/** How far the upload of a task is, in bytes of the files that the manager has not got. */
export interface UploadProgress {
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface UploadDone {
  /** The newest checkpoint that the manager has of the task. */
  readonly id: number
  /** What this upload has written: sorted files, and their bytes. */
  readonly files: number
  readonly bytes: number
}

export interface TaskUploaderOptions {
  readonly manager: CheckpointManager
  /** The task's name for the manager. */
  readonly task: string
  readonly disk: Disk
  /** Where the task's sorted files are. */
  readonly directory: string
  /** Monotone, ms. */
  readonly nowMs: () => number
  readonly retain: RetentionPolicy
  /** Lets the event loop have its turn. */
  readonly pause: () => Promise<void>
}

/** What a manager's checkpoint of a task holds beside the files. */
export interface StateRecord {
  readonly version: 1
  readonly record: CheckpointRecord
  /** The manifest as a state directory has it, base64. */
  readonly manifest: string
}

export function encodeStateRecord(part: UploadPart): Uint8Array {
  const manifest = Buffer.from(encodeManifest({ ...part.manifest, id: part.id, createdAtMs: null })).toString('base64')
  const value: StateRecord = { version: 1, record: part.record, manifest }
  return new TextEncoder().encode(JSON.stringify(value))
}

/** ERR_STATE_CORRUPT, ERR_FORMAT_NEWER. */
export function decodeStateRecord(checkpoint: Checkpoint): UploadPart {
  const value = JSON.parse(new TextDecoder().decode(checkpoint.record)) as StateRecord
  const where = `checkpoint ${checkpoint.id} of task ${checkpoint.task}`
  if (value.version > 1) {
    throw new TidemarkError('ERR_FORMAT_NEWER', `${where} has version ${String(value.version)}: use a newer Tidemark`)
  }
  const manifest = decodeManifest(new Uint8Array(Buffer.from(value.manifest, 'base64')), where)
  return { id: checkpoint.id, record: value.record, manifest }
}

/**
 * Brings checkpoints of one task to a manager, one after the other. It uploads the sorted files that the manager has not
 * got, and a record: what it costs follows what has changed. It owns the task there from its first upload on.
 */
export class TaskUploader {
  readonly #options: TaskUploaderOptions
  /** 0 before the claim. */
  #epoch = 0
  #newest: Checkpoint | null = null
  /** Files that the manager has, or that wait to be listed, by what they hold. */
  #known = new Map<string, CheckpointFile>()
  /** False when the outcome of the last write is unknown. */
  #certain = true
  #orphansAtMs = Number.NEGATIVE_INFINITY
  #retiredAtMs: number

  constructor(options: TaskUploaderOptions) {
    this.#options = options
    this.#retiredAtMs = options.nowMs()
  }

  /** The newest checkpoint that the manager has, as far as known; 0 for none. */
  get uploadedId(): number {
    return this.#newest?.id ?? 0
  }

  /**
   * Takes the task over, unless it was already. ERR_CHECKPOINT_AHEAD: the manager has a checkpoint of a later commit than
   * `committedId`, the newest one here.
   */
  async claim(committedId: number): Promise<void> {
    if (this.#epoch !== 0) return
    const { manager, task } = this.#options
    const { epoch, newest } = await manager.claim(task)
    if (newest !== null && newest.id > committedId) throw ahead(task, newest.id, committedId)
    this.#epoch = epoch
    this.#learn(newest)
  }

  #learn(newest: Checkpoint | null): void {
    this.#newest = newest
    this.#certain = true
    if (newest === null) return
    const files = new Map(newest.files.map((file) => [file.as, file]))
    for (const entry of decodeStateRecord(newest).manifest.files) {
      const file = files.get(entry.name)
      if (file !== undefined) this.#known.set(contentKey(entry), file)
    }
  }

  /**
   * Makes a checkpoint the manager's newest, unless that is one of the same commit already. After an error it may be
   * tried again with the same checkpoint or a later one; ERR_CHECKPOINT_FENCED: never, there is another owner.
   * ERR_STATE_CORRUPT: a file here is damaged; it is not uploaded.
   */
  async upload(part: UploadPart, onProgress: (progress: UploadProgress) => void = () => {}): Promise<UploadDone> {
    const { manager, task } = this.#options
    await this.claim(part.id)
    if (!this.#certain) this.#learn((await manager.list(task))[0] ?? null)
    if (this.uploadedId >= part.id) return { id: this.uploadedId, files: 0, bytes: 0 }
    const files: CheckpointFile[] = []
    let count = 0
    let bytes = 0
    const missing = part.manifest.files.filter((entry) => !this.#known.has(contentKey(entry)))
    const totalBytes = missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    onProgress({ doneBytes: 0, totalBytes })
    for (const entry of part.manifest.files) {
      let file = this.#known.get(contentKey(entry))
      if (file === undefined) {
        let doneBytes = bytes
        file = await this.#uploadFile(entry, (read) => {
          doneBytes += read
          onProgress({ doneBytes, totalBytes })
        })
        this.#known.set(contentKey(entry), file)
        count++
        bytes += entry.sizeBytes
        onProgress({ doneBytes: bytes, totalBytes })
      }
      // The same content may have been under another name.
      files.push({ ...file, as: entry.name })
    }
    const draft = { id: part.id, files, record: encodeStateRecord(part) }
    try {
      this.#certain = false
      this.#newest = await manager.createCheckpoint(task, draft, { epoch: this.#epoch, previousId: this.uploadedId })
      this.#certain = true
    } catch (error) {
      // A file that has gone missing there is uploaded again.
      if (isTidemarkError(error, 'ERR_CHECKPOINT_CORRUPT')) this.#known.clear()
      throw error
    }
    const kept = new Set(part.manifest.files.map(contentKey))
    for (const key of this.#known.keys()) if (!kept.has(key)) this.#known.delete(key)
    return { id: part.id, files: count, bytes }
  }

  async #uploadFile(entry: FileEntry, onRead: (bytes: number) => void): Promise<CheckpointFile> {
    const { manager, task, disk, directory, pause } = this.#options
    const path = `${directory}/${entry.name}`
    const verification = verifyFile(disk, path, entry)
    let step = verification.next()
    while (step.done !== true) {
      await pause()
      step = verification.next()
    }
    const [finding] = step.value.findings
    if (finding !== undefined) throw corrupt(path, finding.position, finding.what)
    return manager.writeFile(task, this.#epoch, { disk: tellingReads(disk, onRead), path, as: entry.name })
  }

  /** Deletes what the policy does not keep, and what fenced owners left, when it is time for it. */
  async clean(): Promise<void> {
    const { manager, task, nowMs, retain } = this.#options
    if (this.#epoch === 0 || this.#newest === null) return
    const now = nowMs()
    if (now - this.#retiredAtMs >= RETIRE_EVERY_MS) {
      this.#retiredAtMs = now
      await manager.retire(task, this.#epoch, retain)
    }
    if (now - this.#orphansAtMs >= ORPHANS_EVERY_MS) {
      this.#orphansAtMs = now
      await manager.collectOrphans(task, this.#epoch)
    }
  }
}

/** Sorted files never change, and their checksum is over all their blocks: equal means the same content. */
function contentKey({ name, sizeBytes, checksum }: FileEntry): string {
  return `${name} ${sizeBytes} ${checksum}`
}

function ahead(task: string, newestId: number, committedId: number): TidemarkError {
  return new TidemarkError(
    'ERR_CHECKPOINT_AHEAD',
    `task ${task}: the place for checkpoints has checkpoint ${newestId} of this history, and the newest commit here is ` +
      `${committedId}: the data directory is an older copy. Give another place (checkpoint.to), or go on with the newer one.`,
    { details: { task, checkpoint: newestId, committed: committedId } },
  )
}
