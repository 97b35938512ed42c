import { crc32 } from 'node:zlib'
import type { Clock } from '../clock/clock.ts'
import { readFile, type Disk } from '../disk/disk.ts'
import { TidemarkError, isTidemarkError } from '../errors/error.ts'
import { fileName, parseFile, parseSlot, slotName, taskDirectory } from './file-names.ts'
import {
  damaged,
  decodeSlot,
  encodeSlot,
  toCheckpoint,
  type CheckpointEntry,
  type ClaimRecord,
  type SlotRecord,
} from './file-record.ts'
import { restoreFiles, syncParent } from './file-restore.ts'
import type {
  Checkpoint,
  CheckpointDraft,
  CheckpointFile,
  CheckpointManager,
  Claim,
  Expected,
  RestoreTarget,
} from './manager.ts'
import { DEFAULT_RETENTION, retained, type RetentionPolicy } from './retention.ts'

const ORPHAN_AGE_MS = 3_600_000
/** Each attempt but the last was overtaken by a deletion. */
const MOST_ATTEMPTS = 100
const RANDOM_RANGE = 2 ** 52

export interface FileCheckpointOptions {
  readonly disk: Disk
  /**
   * One directory per job and lineage; each task gets one of its own in it. May be shared between machines, if links are
   * atomic there.
   */
  readonly directory: string
  readonly clock: Clock
  /** Uniform in [0, 1): makes names unique. */
  readonly random: () => number
}

interface Taken<R extends SlotRecord> {
  readonly slot: number
  readonly record: R
}

/** What a task's directory says: the claim in force, and the checkpoints that count, newest first. */
interface View {
  readonly claim: Taken<ClaimRecord> | null
  readonly checkpoints: readonly Taken<CheckpointEntry>[]
  /** The highest slot that is taken, 0 for none. */
  readonly lastSlot: number
}

/**
 * Checkpoints in a directory. A task's records take numbered slots, one after the other, by a hard link from a
 * temporary file: link fails if the name is there, so it is a compare-and-set that any POSIX file system has. A claim
 * takes a slot like a checkpoint: an owner that does not know of it finds its next slot taken, and is fenced.
 *
 * Slots of deleted checkpoints become free again, and an owner that slept for long could take one. It then finds later
 * slots, and is fenced; should it crash before it looks, the record means nothing, since the claim in force lists every
 * older record that counts.
 */
export class FileCheckpointManager implements CheckpointManager {
  readonly #disk: Disk
  readonly #root: string
  readonly #clock: Clock
  readonly #random: () => number
  #seq = 0

  constructor(options: FileCheckpointOptions) {
    this.#disk = options.disk
    this.#root = options.directory
    this.#clock = options.clock
    this.#random = options.random
  }

  async claim(task: string): Promise<Claim> {
    const directory = taskDirectory(this.#root, task)
    this.#disk.makeDirectory(directory)
    this.#disk.syncDirectory(this.#root)
    syncParent(this.#disk, this.#root)
    const view = this.#view(directory)
    const epoch = (view.claim?.record.epoch ?? 0) + 1
    this.#take(task, directory, view.lastSlot + 1, {
      kind: 'claim',
      epoch,
      nonce: this.#nonce(),
      atMs: this.#clock.now(),
      inherited: view.checkpoints.map(({ slot, record }) => ({ slot, nonce: record.nonce })),
    })
    const newest = view.checkpoints[0]
    return { task, epoch, newest: newest === undefined ? null : toCheckpoint(task, newest.record) }
  }

  async writeFile(task: string, epoch: number, bytes: Uint8Array): Promise<CheckpointFile> {
    const name = this.#name(epoch)
    this.#write(`${taskDirectory(this.#root, task)}/${name}`, bytes)
    return { name, sizeBytes: bytes.length, checksum: crc32(bytes) }
  }

  async createCheckpoint(task: string, draft: CheckpointDraft, expected: Expected): Promise<Checkpoint> {
    const directory = taskDirectory(this.#root, task)
    const { epoch, previous, lastSlot } = this.#head(directory)
    if (epoch === 0 || epoch !== expected.epoch || (previous?.id ?? 0) !== expected.previousId) {
      throw fenced(task, `epoch ${epoch} and checkpoint ${previous?.id ?? 0} are the newest`, expected)
    }
    if (draft.id <= expected.previousId) {
      throw new TidemarkError('ERR_INVARIANT', `${task}: checkpoint ${draft.id} comes after ${expected.previousId}`)
    }
    for (const file of draft.files) this.#expectFile(directory, file)
    const listed = new Set(draft.files.map((file) => file.name))
    const entry: CheckpointEntry = {
      kind: 'checkpoint',
      epoch,
      nonce: this.#nonce(),
      atMs: this.#clock.now(),
      id: draft.id,
      savepoint: draft.savepoint ?? false,
      files: draft.files,
      dropped: (previous?.files ?? []).filter((file) => !listed.has(file.name)).map((file) => file.name),
      record: Buffer.from(draft.record).toString('base64'),
    }
    this.#take(task, directory, lastSlot + 1, entry)
    return toCheckpoint(task, entry)
  }

  async restore(task: string, target: RestoreTarget, id?: number): Promise<Checkpoint> {
    const directory = taskDirectory(this.#root, task)
    const { checkpoints } = this.#view(directory)
    const found = id === undefined ? checkpoints[0] : checkpoints.find(({ record }) => record.id === id)
    if (found === undefined) throw notFound(task, id)
    return restoreFiles(this.#disk, directory, task, found.record, target)
  }

  async list(task: string): Promise<Checkpoint[]> {
    const { checkpoints } = this.#view(taskDirectory(this.#root, task))
    return checkpoints.map(({ record }) => toCheckpoint(task, record))
  }

  async delete(task: string, id: number): Promise<void> {
    const directory = taskDirectory(this.#root, task)
    const view = this.#view(directory)
    if (view.checkpoints[0]?.record.id === id) {
      const message = `checkpoint ${id} of task ${task} is its newest: the task resumes from it, so it stays`
      throw new TidemarkError('ERR_CHECKPOINT_IN_USE', message, { details: { task, checkpoint: id } })
    }
    const found = view.checkpoints.find(({ record }) => record.id === id)
    if (found === undefined) throw notFound(task, id)
    this.#drop(directory, view, [found])
  }

  /**
   * Applies a retention policy after a commit of the owner: deletes the checkpoints that it does not keep, and the files
   * that none of the others lists. Returns the ids deleted. Throws ERR_CHECKPOINT_FENCED for an owner that is none.
   */
  async retire(task: string, epoch: number, policy: RetentionPolicy = DEFAULT_RETENTION): Promise<number[]> {
    const directory = taskDirectory(this.#root, task)
    const view = this.#ownView(task, directory, epoch)
    const subjects = view.checkpoints.map(({ record }) => record)
    const kept = retained(subjects, this.#clock.now(), policy)
    const dropped = view.checkpoints.filter(({ record }) => !kept.has(record.id))
    this.#drop(directory, view, dropped)
    return dropped.map(({ record }) => record.id)
  }

  /**
   * Deletes what fenced owners left: files and records with an epoch strictly below `epoch`, written more than an hour
   * ago, that no checkpoint lists. Returns their names. Throws ERR_CHECKPOINT_FENCED for an owner that is none.
   */
  async collectOrphans(task: string, epoch: number): Promise<string[]> {
    const directory = taskDirectory(this.#root, task)
    const view = this.#ownView(task, directory, epoch)
    const listed = namesOf(view.checkpoints)
    const before = this.#clock.now() - ORPHAN_AGE_MS
    const orphans = this.#disk.list(directory).filter((name) => {
      const facts = parseFile(name) ?? this.#staleSlot(directory, name, view)
      return facts !== null && facts.epoch < epoch && facts.writtenMs < before && !listed.has(name)
    })
    for (const name of orphans) this.#disk.remove(`${directory}/${name}`)
    if (orphans.length > 0) this.#disk.syncDirectory(directory)
    return orphans
  }

  /** Epoch and time of a record that does not count (an old claim, a stale owner's write); null for any other file. */
  #staleSlot(directory: string, name: string, view: View): { epoch: number; writtenMs: number } | null {
    const slot = parseSlot(name)
    if (slot === null || slot === view.claim?.slot) return null
    if (view.checkpoints.some((taken) => taken.slot === slot)) return null
    const record = this.#read(directory, slot)
    return record === null ? null : { epoch: record.epoch, writtenMs: record.atMs }
  }

  /**
   * The epoch in force (0 for none) and the newest checkpoint. The last slot tells both when it holds a checkpoint: a
   * newer claim would be behind it. So a commit reads one record, however many are retained.
   */
  #head(directory: string): { epoch: number; previous: CheckpointEntry | null; lastSlot: number } {
    const lastSlot = this.#slots(directory).at(-1) ?? 0
    const last = lastSlot === 0 ? null : this.#read(directory, lastSlot)
    if (last?.kind === 'checkpoint') return { epoch: last.epoch, previous: last, lastSlot }
    const view = this.#view(directory)
    const previous = view.checkpoints[0]?.record ?? null
    return { epoch: view.claim?.record.epoch ?? 0, previous, lastSlot: view.lastSlot }
  }

  #ownView(task: string, directory: string, epoch: number): View {
    const view = this.#view(directory)
    const actual = view.claim?.record.epoch ?? 0
    if (actual !== epoch) throw fenced(task, `epoch ${actual} is the newest`, { epoch, previousId: null })
    return view
  }

  /**
   * Records first, durably: a record never lists a file that is gone (invariant C5). A crash between leaves orphans. What
   * the newest checkpoint dropped waits for the next one.
   */
  #drop(directory: string, view: View, dropped: readonly Taken<CheckpointEntry>[]): void {
    const kept = view.checkpoints.filter((taken) => !dropped.includes(taken))
    for (const { slot } of dropped) this.#disk.remove(`${directory}/${slotName(slot)}`)
    if (dropped.length > 0) this.#disk.syncDirectory(directory)
    const listed = namesOf(kept)
    const candidates = namesOf(dropped)
    for (const { record } of view.checkpoints) for (const name of record.dropped) candidates.add(name)
    for (const name of view.checkpoints[0]?.record.dropped ?? []) candidates.delete(name)
    const present = new Set(this.#disk.list(directory))
    const gone = [...candidates].filter((name) => !listed.has(name) && present.has(name))
    for (const name of gone) this.#disk.remove(`${directory}/${name}`)
    if (gone.length > 0) this.#disk.syncDirectory(directory)
  }

  /**
   * Reads every record. What a stale owner wrote after it was fenced is left out (invariant C4). Starts again when a
   * record is deleted meanwhile, so that the view is of one moment.
   */
  #view(directory: string): View {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const slots = this.#slots(directory)
      const taken: Taken<SlotRecord>[] = []
      for (const slot of slots) {
        const record = this.#read(directory, slot)
        if (record === null) break
        taken.push({ slot, record })
      }
      if (taken.length === slots.length) return viewOf(taken)
    }
    throw damaged(directory, `records that it lists could not be found, ${MOST_ATTEMPTS} times in a row`)
  }

  /** Slots that are taken, ascending. */
  #slots(directory: string): number[] {
    const slots: number[] = []
    for (const name of this.#disk.list(directory)) {
      const slot = parseSlot(name)
      if (slot !== null) slots.push(slot)
    }
    return slots.sort((a, b) => a - b)
  }

  /** The record of a slot, or null if it was deleted since it was listed. */
  #read(directory: string, slot: number): SlotRecord | null {
    const path = `${directory}/${slotName(slot)}`
    let bytes: Uint8Array
    try {
      bytes = readFile(this.#disk, path)
    } catch (error) {
      if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
      throw error
    }
    return decodeSlot(bytes, path)
  }

  /** The one atomic step: after the last line the record is durable, and it is the newest; else it is fenced. */
  #take(task: string, directory: string, slot: number, record: SlotRecord): void {
    const temporary = `${directory}/tmp-${this.#name(record.epoch)}`
    this.#write(temporary, encodeSlot(record))
    // The names of data files must be durable before a record that lists them can be.
    this.#disk.syncDirectory(directory)
    const lost = this.#link(temporary, `${directory}/${slotName(slot)}`)
    if (lost !== null) throw fenced(task, lost, { epoch: record.epoch, previousId: null })
    this.#disk.remove(temporary)
    this.#disk.syncDirectory(directory)
    const last = this.#slots(directory).at(-1)
    if (last !== slot) throw fenced(task, `slot ${last} is taken`, { epoch: record.epoch, previousId: null })
  }

  /** Null if the link was made, else why another owner must have been here. */
  #link(temporary: string, path: string): string | null {
    try {
      this.#disk.link(temporary, path)
      return null
    } catch (error) {
      if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return `${temporary} was collected`
      if (!isTidemarkError(error, 'ERR_FILE_EXISTS')) throw error
    }
    this.#disk.remove(temporary)
    return `${path} is taken`
  }

  #expectFile(directory: string, file: CheckpointFile): void {
    const path = `${directory}/${file.name}`
    if (!this.#disk.exists(path)) throw damaged(path, 'it is to be listed but is missing')
    const size = this.#disk.size(path)
    if (size !== file.sizeBytes) throw damaged(path, `it has ${size} bytes, not ${file.sizeBytes}`)
  }

  #write(path: string, bytes: Uint8Array): void {
    const file = this.#disk.open(path, 'create')
    try {
      file.write(bytes, 0)
      file.sync()
    } finally {
      file.close()
    }
  }

  #name(epoch: number): string {
    this.#seq++
    return fileName(epoch, this.#seq, this.#clock.now(), this.#nonce())
  }

  #nonce(): string {
    return Math.floor(this.#random() * RANDOM_RANGE).toString(36)
  }
}

/** What counts among the records of a task, given in order of their slots. */
function viewOf(taken: readonly Taken<SlotRecord>[]): View {
  let claim: Taken<ClaimRecord> | null = null
  for (const { slot, record } of taken) if (record.kind === 'claim') claim = { slot, record }
  const lastSlot = taken.at(-1)?.slot ?? 0
  if (claim === null) return { claim, checkpoints: [], lastSlot }
  const { slot: claimSlot, record: current } = claim
  const inherited = new Map(current.inherited.map(({ slot, nonce }) => [slot, nonce]))
  const checkpoints: Taken<CheckpointEntry>[] = []
  for (const { slot, record } of taken) {
    if (record.kind === 'claim') continue
    const counts = slot > claimSlot ? record.epoch === current.epoch : inherited.get(slot) === record.nonce
    if (counts) checkpoints.push({ slot, record })
  }
  return { claim, checkpoints: checkpoints.reverse(), lastSlot }
}

function namesOf(checkpoints: readonly Taken<CheckpointEntry>[]): Set<string> {
  const names = new Set<string>()
  for (const { record } of checkpoints) for (const file of record.files) names.add(file.name)
  return names
}

function fenced(task: string, found: string, expected: { epoch: number; previousId: number | null }): TidemarkError {
  const { epoch, previousId } = expected
  const believed = previousId === null ? `epoch ${epoch}` : `epoch ${epoch} and checkpoint ${previousId}`
  const message = `task ${task} has another owner: ${found}, ${believed} was expected. This owner must stop.`
  return new TidemarkError('ERR_CHECKPOINT_FENCED', message, { details: { task, epoch } })
}

function notFound(task: string, id: number | undefined): TidemarkError {
  const what = id === undefined ? 'has no checkpoint yet' : `has no checkpoint ${id}`
  const message = `task ${task} ${what}. List the checkpoints to see which are retained.`
  return new TidemarkError('ERR_CHECKPOINT_NOT_FOUND', message, { details: { task, checkpoint: id ?? null } })
}
