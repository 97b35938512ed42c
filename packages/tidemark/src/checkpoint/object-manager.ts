import { crc32 } from 'node:zlib'
import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import type {
  Checkpoint,
  CheckpointDraft,
  CheckpointFile,
  CheckpointManager,
  Claim,
  Expected,
  FileSource,
  RestoreOptions,
  RestoreTarget,
} from './manager.ts'
import { inParallel } from './in-parallel.ts'
import { fileName, parseFile, parseSlot, SLOT_PREFIX, slotName, taskFolder } from './object-names.ts'
import type { ObjectStore } from './object-store.ts'
import { restoreFiles, type RestoreStep } from './restore-files.ts'
import { DEFAULT_RETENTION, retained, type RetentionPolicy } from './retention.ts'
import { damaged, decodeSlot, encodeSlot, toCheckpoint, type CheckpointEntry, type SlotRecord } from './slot-record.ts'
import { namesOf, type Taken, type View, viewOf } from './task-view.ts'

const ORPHAN_AGE_MS = 3_600_000
/** Each attempt but the last was overtaken by a deletion. */
const MOST_ATTEMPTS = 100
const RANDOM_RANGE = 2 ** 52

/** The steps of a writer between which a crash is tested (invariants C3 to C6). */
export const MANAGER_STEPS = [
  'claim-before-slot',
  'claim-after-slot',
  'upload-before-file',
  'upload-after-file',
  'upload-before-record',
  'upload-after-record',
  'drop-before-records',
  'drop-after-records',
  'drop-after-files',
  'collect-before-remove',
  'collect-after-remove',
] as const

export type ManagerStep = (typeof MANAGER_STEPS)[number] | RestoreStep

export interface ManagerOptions {
  /** Of one job and lineage: each task gets a folder of its own in it. */
  readonly store: ObjectStore
  readonly clock: Clock
  /** Uniform in [0, 1): makes names unique. */
  readonly random: () => number
  /** Called at the steps named in MANAGER_STEPS, for crash tests; what it throws comes out of the call. */
  readonly failpoint?: (name: ManagerStep) => void
}

/**
 * Checkpoints in a store of objects. A task's records take numbered slots, one after the other, by put-if-absent: a
 * compare-and-set that directories (by hard links) and buckets (by If-None-Match) have. A claim takes a slot like a
 * checkpoint: an owner that does not know of it finds its next slot taken, and is fenced.
 *
 * Slots of deleted checkpoints become free again, and an owner that slept for long could take one. It then finds later
 * slots, and is fenced; should it crash before it looks, the record means nothing, since the claim in force lists every
 * older record that counts.
 */
export class ObjectCheckpointManager implements CheckpointManager {
  readonly #store: ObjectStore
  readonly #clock: Clock
  readonly #random: () => number
  readonly #failpoint: (name: ManagerStep) => void
  #seq = 0

  constructor(options: ManagerOptions) {
    this.#store = options.store
    this.#clock = options.clock
    this.#random = options.random
    this.#failpoint = options.failpoint ?? (() => {})
  }

  async claim(task: string): Promise<Claim> {
    const folder = taskFolder(task)
    const view = await this.#view(folder)
    const epoch = (view.claim?.record.epoch ?? 0) + 1
    this.#failpoint('claim-before-slot')
    await this.#take(task, folder, view.lastSlot + 1, {
      kind: 'claim',
      epoch,
      nonce: this.#nonce(),
      atMs: this.#clock.now(),
      inherited: view.checkpoints.map(({ slot, record }) => ({ slot, nonce: record.nonce })),
    })
    this.#failpoint('claim-after-slot')
    const newest = view.checkpoints[0]
    return { task, epoch, newest: newest === undefined ? null : toCheckpoint(task, newest.record) }
  }

  async writeFile(task: string, epoch: number, content: Uint8Array | FileSource): Promise<CheckpointFile> {
    const name = this.#name(epoch)
    const path = taskFolder(task) + name
    this.#failpoint('upload-before-file')
    if (content instanceof Uint8Array) {
      await this.#store.put(path, { kind: 'bytes', bytes: content })
      this.#failpoint('upload-after-file')
      return { name, sizeBytes: content.length, checksum: crc32(content) }
    }
    const { disk } = content
    const source = { kind: 'file', disk, path: content.path, sizeBytes: disk.size(content.path) } as const
    const { sizeBytes, checksum } = await this.#store.put(path, source)
    if (checksum === null) throw new TidemarkError('ERR_INVARIANT', `${this.#store.where} links files: it is no copy`)
    this.#failpoint('upload-after-file')
    return { name, ...(content.as === undefined ? {} : { as: content.as }), sizeBytes, checksum }
  }

  async createCheckpoint(task: string, draft: CheckpointDraft, expected: Expected): Promise<Checkpoint> {
    const folder = taskFolder(task)
    const { epoch, previous, lastSlot } = await this.#head(folder)
    if (epoch === 0 || epoch !== expected.epoch || (previous?.id ?? 0) !== expected.previousId) {
      throw fenced(task, `epoch ${epoch} and checkpoint ${previous?.id ?? 0} are the newest`, expected)
    }
    if (!Number.isSafeInteger(draft.id) || draft.id <= expected.previousId) {
      const message = `task ${task}: checkpoint ${draft.id} cannot follow ${expected.previousId}: ids are whole numbers that grow`
      throw new TidemarkError('ERR_OPTION', message, { details: { task, checkpoint: draft.id } })
    }
    await this.#expectFiles(folder, draft.files, previous)
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
    this.#failpoint('upload-before-record')
    await this.#take(task, folder, lastSlot + 1, entry)
    this.#failpoint('upload-after-record')
    return toCheckpoint(task, entry)
  }

  async restore(task: string, target: RestoreTarget, id?: number, options?: RestoreOptions): Promise<Checkpoint> {
    const folder = taskFolder(task)
    const { checkpoints } = await this.#view(folder)
    const found = id === undefined ? checkpoints[0] : checkpoints.find(({ record }) => record.id === id)
    if (found === undefined) throw notFound(task, id)
    return restoreFiles({
      store: this.#store,
      folder,
      task,
      entry: found.record,
      target,
      nowMs: () => this.#clock.monotonicMs(),
      concurrency: options?.concurrency,
      onProgress: options?.onProgress,
      failpoint: this.#failpoint,
    })
  }

  async list(task: string): Promise<Checkpoint[]> {
    const { checkpoints } = await this.#view(taskFolder(task))
    return checkpoints.map(({ record }) => toCheckpoint(task, record))
  }

  async delete(task: string, id: number): Promise<void> {
    const folder = taskFolder(task)
    const view = await this.#view(folder)
    if (view.checkpoints[0]?.record.id === id) {
      const message = `checkpoint ${id} of task ${task} is its newest: the task resumes from it, so it stays`
      throw new TidemarkError('ERR_CHECKPOINT_IN_USE', message, { details: { task, checkpoint: id } })
    }
    const found = view.checkpoints.find(({ record }) => record.id === id)
    if (found === undefined) throw notFound(task, id)
    await this.#drop(folder, view, [found])
  }

  async retire(task: string, epoch: number, policy: RetentionPolicy = DEFAULT_RETENTION): Promise<number[]> {
    const folder = taskFolder(task)
    const view = await this.#ownView(task, folder, epoch)
    const subjects = view.checkpoints.map(({ record }) => record)
    const kept = retained(subjects, this.#clock.now(), policy)
    const dropped = view.checkpoints.filter(({ record }) => !kept.has(record.id))
    await this.#drop(folder, view, dropped)
    return dropped.map(({ record }) => record.id)
  }

  async collectOrphans(task: string, epoch: number): Promise<string[]> {
    const folder = taskFolder(task)
    const view = await this.#ownView(task, folder, epoch)
    const listed = namesOf(view.checkpoints)
    const before = this.#clock.now() - ORPHAN_AGE_MS
    const isOrphan = (name: string, facts: { epoch: number; writtenMs: number } | null): boolean =>
      facts !== null && facts.epoch < epoch && facts.writtenMs < before && !listed.has(name)
    const names = await this.#names(folder)
    const facts = await inParallel(
      names,
      async (name) => parseFile(name) ?? (await this.#staleSlot(folder, name, view)),
    )
    const orphans = names.filter((name, index) => isOrphan(name, facts[index] ?? null))
    this.#failpoint('collect-before-remove')
    await inParallel(orphans, (name) => this.#store.delete(folder + name))
    const unfinished = await this.#store.dropUnfinished(folder, (path) => {
      const name = path.slice(folder.length)
      return isOrphan(name, parseFile(name))
    })
    this.#failpoint('collect-after-remove')
    return [...orphans, ...unfinished.map((path) => path.slice(folder.length))]
  }

  /** Epoch and time of a record that does not count (an old claim, a stale owner's write); null for any other file. */
  async #staleSlot(folder: string, name: string, view: View): Promise<{ epoch: number; writtenMs: number } | null> {
    const slot = parseSlot(name)
    if (slot === null || slot === view.claim?.slot) return null
    if (view.checkpoints.some((taken) => taken.slot === slot)) return null
    const record = await this.#read(folder, slot)
    return record === null ? null : { epoch: record.epoch, writtenMs: record.atMs }
  }

  /**
   * The epoch in force (0 for none) and the newest checkpoint. The last slot tells both when it holds a checkpoint: a
   * newer claim would be behind it. So a commit reads one record, however many are retained.
   */
  async #head(folder: string): Promise<{ epoch: number; previous: CheckpointEntry | null; lastSlot: number }> {
    const lastSlot = (await this.#slots(folder)).at(-1) ?? 0
    const last = lastSlot === 0 ? null : await this.#read(folder, lastSlot)
    if (last?.kind === 'checkpoint') return { epoch: last.epoch, previous: last, lastSlot }
    const view = await this.#view(folder)
    const previous = view.checkpoints[0]?.record ?? null
    return { epoch: view.claim?.record.epoch ?? 0, previous, lastSlot: view.lastSlot }
  }

  async #ownView(task: string, folder: string, epoch: number): Promise<View> {
    const view = await this.#view(folder)
    const actual = view.claim?.record.epoch ?? 0
    if (actual !== epoch) throw fenced(task, `epoch ${actual} is the newest`, { epoch, previousId: null })
    return view
  }

  /**
   * Records first, durably: a record never lists a file that is gone (invariant C5). A crash between leaves orphans. What
   * the newest checkpoint dropped waits for the next one.
   */
  async #drop(folder: string, view: View, dropped: readonly Taken<CheckpointEntry>[]): Promise<void> {
    const kept = view.checkpoints.filter((taken) => !dropped.includes(taken))
    this.#failpoint('drop-before-records')
    await inParallel(dropped, ({ slot }) => this.#store.delete(folder + slotName(slot)))
    this.#failpoint('drop-after-records')
    const listed = namesOf(kept)
    const candidates = namesOf(dropped)
    for (const { record } of view.checkpoints) for (const name of record.dropped) candidates.add(name)
    for (const name of view.checkpoints[0]?.record.dropped ?? []) candidates.delete(name)
    for (const name of listed) candidates.delete(name)
    if (candidates.size === 0) return
    const present = await this.#names(folder)
    await inParallel(
      present.filter((name) => candidates.has(name)),
      (name) => this.#store.delete(folder + name),
    )
    this.#failpoint('drop-after-files')
  }

  /**
   * Reads every record. What a stale owner wrote after it was fenced is left out (invariant C4). Starts again when a
   * record is deleted meanwhile, so that the view is of one moment.
   */
  async #view(folder: string): Promise<View> {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const slots = await this.#slots(folder)
      const records = await inParallel(slots, (slot) => this.#read(folder, slot))
      const taken: Taken<SlotRecord>[] = []
      for (const [index, record] of records.entries()) {
        if (record !== null) taken.push({ slot: slots[index] as number, record })
      }
      if (taken.length === slots.length) return viewOf(taken)
    }
    const where = `${this.#store.where}/${folder}`
    throw damaged(where, `records that it lists could not be found, ${MOST_ATTEMPTS} times in a row`)
  }

  /** Names in a folder, without it. */
  async #names(folder: string): Promise<string[]> {
    return (await this.#store.list(folder)).map((path) => path.slice(folder.length))
  }

  /** Slots that are taken, ascending. */
  async #slots(folder: string): Promise<number[]> {
    const slots: number[] = []
    for (const path of await this.#store.list(folder + SLOT_PREFIX)) {
      const slot = parseSlot(path.slice(folder.length))
      if (slot !== null) slots.push(slot)
    }
    return slots.sort((a, b) => a - b)
  }

  /** The record of a slot, or null if it was deleted since it was listed. */
  async #read(folder: string, slot: number): Promise<SlotRecord | null> {
    const path = folder + slotName(slot)
    const bytes = await this.#store.get(path)
    return bytes === null ? null : decodeSlot(bytes, `${this.#store.where}/${path}`)
  }

  /** The one atomic step: after the last line the record is durable, and it is the newest; else it is fenced. */
  async #take(task: string, folder: string, slot: number, record: SlotRecord): Promise<void> {
    const path = folder + slotName(slot)
    const temporary = `${folder}tmp-${this.#name(record.epoch)}`
    const expected = { epoch: record.epoch, previousId: null }
    if (!(await this.#store.putIfAbsent(path, encodeSlot(record), temporary))) {
      const other = await this.#read(folder, slot)
      if (record.kind === 'checkpoint' && other?.epoch === record.epoch) throw conflict(task, slot)
      throw fenced(task, `${this.#store.where}/${path} is taken`, expected)
    }
    const last = (await this.#slots(folder)).at(-1)
    if (last !== slot) throw fenced(task, `slot ${last} is taken`, expected)
  }

  /** Files that the checkpoint before lists are known to be there (invariant C5): a commit looks at the new ones only. */
  async #expectFiles(
    folder: string,
    files: readonly CheckpointFile[],
    previous: CheckpointEntry | null,
  ): Promise<void> {
    const known = new Map(previous?.files.map((file) => [file.name, file.sizeBytes]))
    const unknown = files.filter((file) => known.get(file.name) !== file.sizeBytes)
    await inParallel(unknown, async ({ name, sizeBytes }) => {
      const path = `${this.#store.where}/${folder}${name}`
      const size = await this.#store.size(folder + name)
      if (size === null) throw damaged(path, 'it is to be listed but is missing')
      if (size !== sizeBytes) throw damaged(path, `it has ${size} bytes, not ${sizeBytes}`)
    })
  }

  #name(epoch: number): string {
    this.#seq++
    return fileName(epoch, this.#seq, this.#clock.now(), this.#nonce())
  }

  #nonce(): string {
    return Math.floor(this.#random() * RANDOM_RANGE).toString(36)
  }
}

function fenced(task: string, found: string, expected: { epoch: number; previousId: number | null }): TidemarkError {
  const { epoch, previousId } = expected
  const believed = previousId === null ? `epoch ${epoch}` : `epoch ${epoch} and checkpoint ${previousId}`
  const message = `task ${task} has another owner: ${found}, ${believed} was expected. This owner must stop.`
  return new TidemarkError('ERR_CHECKPOINT_FENCED', message, { details: { task, epoch } })
}

function conflict(task: string, slot: number): TidemarkError {
  const message =
    `task ${task}: an earlier write of this owner, of which it never heard, has taken slot ${slot} meanwhile. ` +
    'List the checkpoints, and go on from the newest.'
  return new TidemarkError('ERR_CHECKPOINT_CONFLICT', message, { details: { task } })
}

function notFound(task: string, id: number | undefined): TidemarkError {
  const what = id === undefined ? 'has no checkpoint yet' : `has no checkpoint ${id}`
  const message = `task ${task} ${what}. List the checkpoints to see which are retained.`
  return new TidemarkError('ERR_CHECKPOINT_NOT_FOUND', message, { details: { task, checkpoint: id ?? null } })
}
