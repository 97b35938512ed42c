import { crc32 } from 'node:zlib'
import { readFile, replaceFile, type Disk, type DiskFile } from '../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { Checkpoint, CheckpointFile, RestoreProgress, RestoreTarget } from './manager.ts'
import type { ObjectStore } from './object-store.ts'
import { damaged, decodeSlot, encodeSlot, toCheckpoint, type CheckpointEntry } from './slot-record.ts'

const COMPLETE = 'RESTORED'
/** Names the checkpoint that the files of an unfinished restore are of. */
const UNFINISHED = 'RESTORING'
const PIECE_BYTES = 4 * 1024 * 1024
const DEFAULT_CONCURRENCY = 4
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/

/** The steps of a restore between which a crash is tested (invariant C8). */
export const RESTORE_STEPS = [
  'load-before-begin',
  'load-after-begin',
  'load-after-piece',
  'load-after-file',
  'load-before-mark',
  'load-after-mark',
] as const

export type RestoreStep = (typeof RESTORE_STEPS)[number]

export interface RestoreWork {
  readonly store: ObjectStore
  /** Prefix of the task's objects. */
  readonly folder: string
  readonly task: string
  readonly entry: CheckpointEntry
  readonly target: RestoreTarget
  /** Monotone, ms. */
  readonly nowMs: () => number
  readonly concurrency?: number | undefined
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined
  readonly failpoint: (name: RestoreStep) => void
}

/**
 * Fills a target with a checkpoint's files, some at a time, and marks it complete last (invariant C8). After an error of
 * the store, or a crash, what was loaded stays, without a mark: the next restore of the same checkpoint checks it and goes
 * on from there. After any other error the target is emptied.
 */
export async function restoreFiles(work: RestoreWork): Promise<Checkpoint> {
  const { entry, failpoint, target, task } = work
  failpoint('load-before-begin')
  refuseOthers(target)
  try {
    begin(target, entry)
    failpoint('load-after-begin')
    await new FileLoader(work).run()
    target.disk.syncDirectory(target.directory)
    failpoint('load-before-mark')
    replaceFile(target.disk, target.directory, COMPLETE, encodeSlot(entry))
    failpoint('load-after-mark')
    target.disk.remove(`${target.directory}/${UNFINISHED}`)
    target.disk.syncDirectory(target.directory)
  } catch (error) {
    const ofStore = isTidemarkError(error) && error.domain === 'checkpoint' && error.retry === 'later'
    if (!ofStore) wipe(target)
    throw error
  }
  return toCheckpoint(task, entry)
}

/**
 * Prepares the target: empty, or with what an earlier restore of the same checkpoint has left. From here on it has a mark
 * at every moment, until it is empty: files without one are somebody else's (see `refuseOthers`).
 */
function begin(target: RestoreTarget, entry: CheckpointEntry): void {
  const { disk, directory } = target
  removeMark(target)
  const path = `${directory}/${UNFINISHED}`
  const mine = encodeSlot(entry)
  const resumed = disk.exists(path) && Buffer.from(readFile(disk, path)).equals(mine)
  if (!resumed) {
    disk.makeDirectory(directory)
    syncParent(disk, directory)
    replaceFile(disk, directory, UNFINISHED, mine)
  }
  const wanted = new Set([UNFINISHED, ...(resumed ? entry.files.map(targetName) : [])])
  for (const name of disk.list(directory)) if (!wanted.has(name)) disk.remove(`${directory}/${name}`)
}

const MARKS = [COMPLETE, UNFINISHED]

/** ERR_OPTION for a directory with files that no restore has put there. */
function refuseOthers({ disk, directory }: RestoreTarget): void {
  const names = disk.list(directory)
  if (names.some((name) => MARKS.includes(name))) return
  const others = names.filter((name) => !MARKS.some((mark) => name === `${mark}.tmp`))
  if (others.length === 0) return
  const shown = others.slice(0, 3).join(', ') + (others.length > 3 ? ', ...' : '')
  throw new TidemarkError(
    'ERR_OPTION',
    `a checkpoint cannot be restored into ${directory}: it holds ${shown}, which no restore has put there. Name a directory ` +
      'that is empty or not there yet',
    { details: { directory } },
  )
}

/** The name that a file gets in the target. */
export function targetName(file: CheckpointFile): string {
  const name = file.as ?? file.name
  if (NAME.test(name)) return name
  throw damaged(file.name, 'the name that it is to have is none for a file')
}

/** Loads the files of one checkpoint. */
class FileLoader {
  readonly #work: RestoreWork
  readonly #startedMs: number
  readonly #totalBytes: number
  #doneBytes = 0
  #loadedBytes = 0
  #failed = false

  constructor(work: RestoreWork) {
    this.#work = work
    this.#startedMs = work.nowMs()
    this.#totalBytes = work.entry.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  }

  async run(): Promise<void> {
    const { entry, concurrency = DEFAULT_CONCURRENCY } = this.#work
    const waiting = entry.files[Symbol.iterator]()
    const lane = async (): Promise<void> => {
      for (const file of waiting) {
        if (this.#failed) return
        await this.#load(file)
      }
    }
    const lanes = Array.from({ length: Math.max(1, concurrency) }, lane)
    for (const each of lanes) each.catch(() => (this.#failed = true))
    // Nobody may write into the target any more when it is emptied.
    const results = await Promise.allSettled(lanes)
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async #load(file: CheckpointFile): Promise<void> {
    const { store, folder, target, failpoint } = this.#work
    const path = folder + file.name
    const size = await store.size(path)
    if (size === null) throw damaged(`${store.where}/${path}`, 'it is missing')
    if (size !== file.sizeBytes) {
      throw damaged(`${store.where}/${path}`, `it has ${size} bytes, not ${file.sizeBytes}`)
    }
    const to = target.disk.open(`${target.directory}/${targetName(file)}`, 'create')
    try {
      const had = Math.min(to.size(), file.sizeBytes)
      const whole = await this.#fill(file, path, to, had)
      // What an earlier attempt had written may have been torn by the crash that ended it.
      if (!whole && (had === 0 || !(await this.#fill(file, path, to, 0)))) {
        throw damaged(`${store.where}/${path}`, 'its checksum is wrong')
      }
      await to.syncLater()
    } finally {
      to.close()
    }
    failpoint('load-after-file')
  }

  /** Keeps the first `from` bytes and loads the rest; true if the whole has the checksum. */
  async #fill(file: CheckpointFile, path: string, to: DiskFile, from: number): Promise<boolean> {
    const { store, failpoint } = this.#work
    const { sizeBytes } = file
    let checksum = checksumOf(to, from)
    this.#advance(from, 0)
    to.truncate(from)
    for (let at = from; at < sizeBytes && !this.#failed; ) {
      const piece = await store.getRange(path, at, Math.min(PIECE_BYTES, sizeBytes - at))
      if (piece === null) throw damaged(`${store.where}/${path}`, 'it is missing')
      if (piece.length === 0) throw damaged(`${store.where}/${path}`, `it ends at ${at}, not at ${sizeBytes}`)
      checksum = crc32(piece, checksum)
      to.write(piece, at)
      at += piece.length
      this.#advance(piece.length, piece.length)
      failpoint('load-after-piece')
    }
    const whole = checksum === file.checksum || this.#failed
    if (!whole) this.#advance(-sizeBytes, 0)
    return whole
  }

  #advance(doneBytes: number, loadedBytes: number): void {
    const { onProgress, nowMs, task, entry } = this.#work
    this.#doneBytes += doneBytes
    this.#loadedBytes += loadedBytes
    if (onProgress === undefined) return
    const elapsedMs = nowMs() - this.#startedMs
    const bytesPerSecond = elapsedMs > 0 ? (this.#loadedBytes * 1000) / elapsedMs : 0
    const missing = this.#totalBytes - this.#doneBytes
    onProgress({
      task,
      id: entry.id,
      doneBytes: this.#doneBytes,
      loadedBytes: this.#loadedBytes,
      totalBytes: this.#totalBytes,
      bytesPerSecond,
      remainingMs: bytesPerSecond > 0 ? (missing * 1000) / bytesPerSecond : null,
    })
  }
}

function checksumOf(file: DiskFile, length: number): number {
  const piece = new Uint8Array(Math.min(PIECE_BYTES, length))
  let checksum = 0
  for (let at = 0; at < length; ) {
    const count = file.read(piece, 0, Math.min(piece.length, length - at), at)
    if (count === 0) break
    checksum = crc32(piece.subarray(0, count), checksum)
    at += count
  }
  return checksum
}

/**
 * The checkpoint whose state a directory holds, or null when it holds no complete state: then there is nothing to use in
 * it, whatever files are there. Throws ERR_CHECKPOINT_CORRUPT if the mark itself is damaged.
 */
export function restoredCheckpoint(task: string, target: RestoreTarget): Checkpoint | null {
  const path = `${target.directory}/${COMPLETE}`
  if (!target.disk.exists(path)) return null
  const entry = decodeSlot(readFile(target.disk, path), path)
  if (entry.kind !== 'checkpoint') throw damaged(path, 'it is not the record of a checkpoint')
  return toCheckpoint(task, entry)
}

/** Makes the name of a directory durable; one without a slash stands where the process started, which is there. */
export function syncParent(disk: Disk, directory: string): void {
  const slash = directory.lastIndexOf('/')
  if (slash !== -1) disk.syncDirectory(slash === 0 ? '/' : directory.slice(0, slash))
}

/**
 * The mark of a complete state goes first and durably: without it the rest is not a state, whatever of it a crash leaves.
 * It becomes the other mark, so that what is left is known as a restore's.
 */
function removeMark({ disk, directory }: RestoreTarget): void {
  if (!disk.exists(`${directory}/${COMPLETE}`)) return
  disk.rename(`${directory}/${COMPLETE}`, `${directory}/${UNFINISHED}`)
  disk.syncDirectory(directory)
}

/** Empties a target; the mark goes last, so that what a crash leaves of it is known as a restore's. */
export function wipe(target: RestoreTarget): void {
  const { disk, directory } = target
  removeMark(target)
  const names = disk.list(directory)
  for (const name of names) if (name !== UNFINISHED) disk.remove(`${directory}/${name}`)
  if (names.length > 0) disk.syncDirectory(directory)
  if (!names.includes(UNFINISHED)) return
  disk.remove(`${directory}/${UNFINISHED}`)
  disk.syncDirectory(directory)
}
