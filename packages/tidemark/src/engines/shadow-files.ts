import type { Disk } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { LsmBase } from '../lsm/lsm-base.ts'
import { EMPTY_MANIFEST, isOurs, MANIFEST_NAME, writeManifestNow } from '../lsm/manifest.ts'
import type { Base } from '../store/types.ts'

const RETAINED = 'retained'

/** True if there is a shadow in a directory, whatever state it is in. */
export function hasShadow(disk: Disk, directory: string): boolean {
  return disk.exists(`${directory}/${MANIFEST_NAME}`) || disk.list(`${directory}/${RETAINED}`).length > 0
}

/** True if a shadow holds all that its engines hold. */
export function isComplete(shadow: LsmBase, main: Base): boolean {
  if (shadow.id > 0) return shadow.id >= main.id
  return main.id === 0 && shadow.manifest.files.length === 0
}

/** Removes a shadow that is closed. What a crash leaves of it is empty, and goes the next time. */
export function discardShadow(disk: Disk, directory: string): void {
  // Without its manifest it would look like one that has lost it.
  writeManifestNow(disk, directory, EMPTY_MANIFEST)
  for (const name of disk.list(`${directory}/${RETAINED}`)) disk.remove(`${directory}/${RETAINED}/${name}`)
  for (const name of disk.list(directory)) if (isOurs(name)) disk.remove(`${directory}/${name}`)
  disk.syncDirectory(directory)
  disk.remove(`${directory}/${MANIFEST_NAME}`)
  disk.syncDirectory(directory)
  removeIfEmpty(disk, `${directory}/${RETAINED}`)
  removeIfEmpty(disk, directory)
}

function removeIfEmpty(disk: Disk, directory: string): void {
  if (disk.host === undefined || disk.list(directory).length > 0) return
  try {
    disk.host.removeDirectory(directory)
  } catch (error) {
    // A merge that was given up may make its file at this moment, or the directory was never there.
    if (!isTidemarkError(error)) throw error
  }
}

/** Removes what a merge that was given up has written to the place of a shadow since that was removed. */
export function clearStrays(disk: Disk, directory: string): void {
  if (hasShadow(disk, directory)) return
  for (const name of disk.list(directory)) if (isOurs(name)) disk.remove(`${directory}/${name}`)
}
