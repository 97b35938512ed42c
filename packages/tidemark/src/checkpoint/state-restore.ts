import type { Disk } from '../disk/disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { isOurs, MANIFEST_NAME, writeManifestNow } from '../lsm/manifest.ts'
import { linkOrCopy } from './file-objects.ts'
import type { Checkpoint, CheckpointManager, RestoreProgress, RestoreTarget } from './manager.ts'
import { restoredCheckpoint, targetName, wipe } from './restore-files.ts'
import { decodeStateRecord } from './task-uploader.ts'

/** Below a state directory: what a restore has loaded so far. */
const LOADING = 'restored'
/** In a state directory: a read has found damage there. */
const DAMAGED = 'DAMAGED'
const RETAINED = 'retained'

/** The steps of an installation between which a crash is tested (invariant C8). */
export const INSTALL_STEPS = [
  'install-before-wipe',
  'install-after-wipe',
  'install-after-link',
  'install-before-manifest',
  'install-after-manifest',
  'install-after-clean',
] as const

export type InstallStep = (typeof INSTALL_STEPS)[number]

export interface StateRestoreOptions {
  readonly manager: CheckpointManager
  /** The task's name for the manager. */
  readonly task: string
  readonly disk: Disk
  /** Where the task's sorted files are: its state directory, or its shadow's. */
  readonly directory: string
  /** The newest commit here: a later checkpoint is none of this history. */
  readonly committedId: number
  /** Called once there is something to restore. */
  readonly onBegin?: () => void
  /** Removes what else there is of the old state. */
  readonly onWipe?: () => void
  readonly onProgress?: (progress: RestoreProgress) => void
  readonly failpoint?: (name: InstallStep) => void
  readonly pause: () => Promise<void>
}

function targetOf({ disk, directory }: Pick<StateRestoreOptions, 'directory' | 'disk'>): RestoreTarget {
  return { disk, directory: `${directory}/${LOADING}` }
}

/** True if a restore was cut off after it had loaded everything: it has to be finished before the state is opened. */
export function isRestoreCutOff(options: Pick<StateRestoreOptions, 'directory' | 'disk' | 'task'>): boolean {
  return restoredCheckpoint(options.task, targetOf(options)) !== null
}

/** Remembers that a read has met damage, so that the next start may repair it. */
export function markDamaged(disk: Disk, directory: string): void {
  disk.open(`${directory}/${DAMAGED}`, 'create').close()
  disk.syncDirectory(directory)
}

export function isMarkedDamaged(disk: Disk, directory: string): boolean {
  return disk.exists(`${directory}/${DAMAGED}`)
}

/**
 * Puts a task's newest checkpoint of a manager into its state directory, in place of what is there. The checkpoint is
 * loaded beside it first, so that what is there stays until all is here; then it is exchanged, and the manifest comes last:
 * before it there is no state (C8). A restore that was cut off goes on where it was. Null when the manager has none.
 *
 * Errors of the manager; ERR_CHECKPOINT_NOT_FOUND when it has only checkpoints of later commits.
 */
export async function restoreState(options: StateRestoreOptions): Promise<Checkpoint | null> {
  const { manager, task, committedId, disk, directory } = options
  const target = targetOf(options)
  let found = restoredCheckpoint(task, target)
  if (found === null) {
    const known = await manager.list(task)
    const chosen = known.find(({ id }) => id <= committedId)
    if (known.length === 0) return null
    if (chosen === undefined) {
      const message = `task ${task}: all checkpoints are of later commits than ${committedId}, the newest one here. The data directory is an older copy, or of another history.`
      throw new TidemarkError('ERR_CHECKPOINT_NOT_FOUND', message, { details: { task, committed: committedId } })
    }
    const { onBegin, onProgress } = options
    onBegin?.()
    disk.makeDirectory(directory)
    found = await manager.restore(task, target, chosen.id, onProgress === undefined ? {} : { onProgress })
  }
  await install(options, found)
  return found
}

async function install(options: StateRestoreOptions, checkpoint: Checkpoint): Promise<void> {
  const { disk, directory, pause, failpoint = () => {} } = options
  const target = targetOf(options)
  const { manifest } = decodeStateRecord(checkpoint)
  failpoint('install-before-wipe')
  removeState(disk, directory)
  options.onWipe?.()
  failpoint('install-after-wipe')
  for (const file of checkpoint.files) {
    const name = targetName(file)
    await linkOrCopy(disk, `${target.directory}/${name}`, `${directory}/${name}`, pause)
    failpoint('install-after-link')
  }
  disk.syncDirectory(directory)
  failpoint('install-before-manifest')
  writeManifestNow(disk, directory, manifest)
  failpoint('install-after-manifest')
  wipe(target)
  failpoint('install-after-clean')
}

/** The manifest goes first and durably: without it the rest is no state. What was retained here is given up with it. */
export function removeState(disk: Disk, directory: string): void {
  if (disk.exists(`${directory}/${MANIFEST_NAME}`)) {
    disk.remove(`${directory}/${MANIFEST_NAME}`)
    disk.syncDirectory(directory)
  }
  for (const name of disk.list(`${directory}/${RETAINED}`)) disk.remove(`${directory}/${RETAINED}/${name}`)
  for (const name of disk.list(directory)) if (isOurs(name) || name === DAMAGED) disk.remove(`${directory}/${name}`)
  disk.syncDirectory(directory)
}
