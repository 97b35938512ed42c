import type { Disk } from '../disk/disk.ts'
import { shadowDirectory } from '../engines/placement.ts'
import type { Manifest } from '../lsm/manifest.ts'
import { readRetained, retainedPath } from '../lsm/retained.ts'

/** Where the sorted files of a checkpoint of a task are, and which they are. */
export interface KeptState {
  readonly directory: string
  readonly manifest: Manifest
}

/** Where a task may have kept checkpoints: its own directory, and that of its shadow (see ShadowedBase). */
export function keepingDirectories(directory: string): string[] {
  return [directory, shadowDirectory(directory)]
}

/**
 * The files of a checkpoint that a task has kept. ERR_FILE_NOT_FOUND when it has not; ERR_STATE_CORRUPT,
 * ERR_FORMAT_NEWER.
 */
export function keptState(disk: Disk, directory: string, id: number): KeptState {
  const shadow = shadowDirectory(directory)
  const place = disk.exists(retainedPath(shadow, id)) ? shadow : directory
  return { directory: place, manifest: readRetained(disk, place, id) }
}
