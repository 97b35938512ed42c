import { checkpointNameMs } from '../checkpoint/checkpoint-name.ts'
import { keepingDirectories } from '../checkpoint/kept-state.ts'
import {
  changesSince,
  listRetained,
  momentsOf,
  type RetainedCheckpoint,
  type RetainedKind,
} from '../checkpoint/retained-record.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { type FileEntry, type Manifest, readManifest } from '../lsm/manifest.ts'
import type { StateDir, TaskInfo } from './data-dir.ts'
import { nearest } from './nearest.ts'

/** A task's part of a retained checkpoint. */
export interface RetainedPart {
  readonly task: number
  /** The task's commit. */
  readonly id: number
  readonly atMs: number
  readonly kind: RetainedKind
  readonly files: number
  readonly bytes: number
  /** Entries in the files, older values and deletions among them. */
  readonly entries: number
  /** Since the task's checkpoint before that is still retained: commits and bytes of changes, and the files that came with them. */
  readonly commits: number
  readonly changedBytes: number
  readonly addedFiles: number
  readonly addedBytes: number
  readonly addedEntries: number
  /** Bytes of the files that nothing else is made of: what deleting it frees. */
  readonly ownBytes: number
}

/** A retained checkpoint of the job: the part of each task that has kept one under its name. */
export interface JobCheckpoint {
  readonly checkpoint: string
  readonly atMs: number
  readonly kind: RetainedKind
  readonly parts: readonly RetainedPart[]
}

/** A task, and all that it has kept, oldest first. */
export interface TaskHistory {
  readonly task: TaskInfo
  readonly retained: readonly RetainedCheckpoint[]
}

const ATTEMPTS = 5

/** What each task has kept. Errors: ERR_CHECKPOINT_CORRUPT, ERR_STATE_CORRUPT, ERR_FORMAT_NEWER. */
export function histories(data: StateDir): TaskHistory[] {
  return data.tasks().map((task) => ({ task, retained: history(data, task) }))
}

function history(data: StateDir, { meta }: TaskInfo): RetainedCheckpoint[] {
  for (let attempt = 1; ; attempt++) {
    try {
      return listRetained(data.disk, data.stateDirectory(meta))
    } catch (error) {
      // The running job has given one up between two of our reads.
      if (attempt === ATTEMPTS || !isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) throw error
    }
  }
}

/** Up to which commit a task's state is in files. What the log knows of it may be older: it is told now and then. */
export function flushedIdOf(data: StateDir, { meta, producer }: TaskInfo): number {
  return Math.max(producer.flushedId, manifestOf(data, data.stateDirectory(meta))?.id ?? 0)
}

/** Null for an engine without one, and for one that is damaged: `state verify` tells of that, a list goes without. */
function manifestOf(data: StateDir, directory: string): Manifest | null {
  try {
    return readManifest(data.disk, directory)
  } catch (error) {
    if (isTidemarkError(error)) return null
    throw error
  }
}

/** The retained checkpoints of the job, oldest first. Errors as `histories`. */
export function listCheckpoints(data: StateDir): JobCheckpoint[] {
  const found = new Map<string, { kind: RetainedKind; atMs: number; parts: RetainedPart[] }>()
  for (const { task, retained } of histories(data)) {
    // What is kept is in the shadow where there is one, and files of the two may have the same names.
    const [own, shadow] = keepingDirectories(data.stateDirectory(task.meta)).map((each) => manifestOf(data, each))
    const now = (shadow ?? own)?.files ?? []
    for (const [index, each] of retained.entries()) {
      for (const { checkpoint, kind } of each.names) {
        if (kind === 'savepoint') continue
        const atMs = checkpointNameMs(checkpoint) ?? each.atMs
        const entry = found.get(checkpoint) ?? { kind, atMs, parts: [] }
        entry.parts.push({ ...part(retained, index, now), task: task.meta.task, kind })
        found.set(checkpoint, entry)
      }
    }
  }
  return [...found]
    .map(([checkpoint, { kind, atMs, parts }]) => ({ checkpoint, kind, atMs, parts }))
    .sort((a, b) => a.atMs - b.atMs)
}

/** `now`: the files of the task's state as it is. */
function part(
  retained: readonly RetainedCheckpoint[],
  index: number,
  now: readonly FileEntry[],
): Omit<RetainedPart, 'kind' | 'task'> {
  const record = retained[index] as RetainedCheckpoint
  const { id, atMs, manifest } = record
  const { commits, changedBytes } = changesSince(record, retained[index - 1])
  const before = new Set(retained[index - 1]?.manifest.files.map(({ name }) => name))
  const added = manifest.files.filter(({ name }) => !before.has(name))
  const others = new Set(now.map(({ name }) => name))
  for (const [at, other] of retained.entries()) {
    if (at !== index) for (const { name } of other.manifest.files) others.add(name)
  }
  return {
    id,
    atMs,
    commits,
    changedBytes,
    files: manifest.files.length,
    bytes: bytesOf(manifest.files),
    entries: entriesOf(manifest.files),
    addedFiles: added.length,
    addedBytes: bytesOf(added),
    addedEntries: entriesOf(added),
    ownBytes: bytesOf(manifest.files.filter(({ name }) => !others.has(name))),
  }
}

function bytesOf(files: readonly FileEntry[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

function entriesOf(files: readonly FileEntry[]): number {
  return files.reduce((sum, { stores }) => sum + stores.reduce((each, { entries }) => each + entries, 0), 0)
}

/**
 * Each task's state as of a checkpoint of the job: what it kept under that name, or, if it had nothing to keep then, the
 * newest before; null if it had none. ERR_CHECKPOINT_NOT_FOUND names the nearest and what there is.
 */
export function checkpointParts(
  data: StateDir,
  checkpoint: string,
): { readonly task: TaskInfo; readonly part: RetainedCheckpoint | null }[] {
  const all = histories(data)
  const named = ({ names }: RetainedCheckpoint): boolean => names.some((name) => name.checkpoint === checkpoint)
  if (!all.some(({ retained }) => retained.some(named))) throw unknownCheckpoint(data, checkpoint)
  const atMs = checkpointNameMs(checkpoint) ?? Number.POSITIVE_INFINITY
  return all.map(({ task, retained }) => ({
    task,
    part: retained.find(named) ?? retained.findLast((each) => Math.min(...momentsOf(each)) <= atMs) ?? null,
  }))
}

const SHOWN = 12

/** ERR_CHECKPOINT_NOT_FOUND. */
export function unknownCheckpoint(data: StateDir, checkpoint: string): TidemarkError {
  const names = listCheckpoints(data).map((each) => each.checkpoint)
  const newest = names.slice(-SHOWN).join(', ')
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} older ones` : ''
  const near = nearestInTime(checkpoint, names) ?? nearest(checkpoint, names)
  const there =
    names.length === 0
      ? ' None is retained yet: tidemark checkpoint create makes one.'
      : `${near === undefined ? '' : ` The nearest is ${near}.`} There ${names.length === 1 ? 'is' : 'are'}: ${newest}${more}.`
  return new TidemarkError(
    'ERR_CHECKPOINT_NOT_FOUND',
    `${data.path} has no retained checkpoint "${checkpoint}".${there}`,
    {
      details: { checkpoint },
    },
  )
}

function nearestInTime(checkpoint: string, names: readonly string[]): string | undefined {
  const atMs = checkpointNameMs(checkpoint)
  if (atMs === null) return undefined
  const distance = (name: string): number => Math.abs((checkpointNameMs(name) ?? Number.POSITIVE_INFINITY) - atMs)
  return [...names].sort((a, b) => distance(a) - distance(b))[0]
}
