import { type Disk, readFile, replaceFile } from '../disk/disk.ts'
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts'

export const RETAINED_DIRECTORY = 'retained'

/** A checkpoint of a task that is kept: its files stay until it is released. */
export interface RetainedState {
  readonly id: number
  /** When it was retained, ms since 1970. */
  readonly createdAtMs: number
  readonly manifest: Manifest
  /** Bytes of all its files. */
  readonly sizeBytes: number
  /** Bytes of the files that no other checkpoint and not the state of now is made of: what releasing it frees. */
  readonly ownBytes: number
}

/** Where the manifest of a retained checkpoint is: beside the sorted files, in the same format as that of now. */
export function retainedPath(directory: string, id: number): string {
  return `${directory}/${RETAINED_DIRECTORY}/${id}`
}

/** The ids of the retained checkpoints of a state directory, ascending. */
export function retainedIds(disk: Disk, directory: string): number[] {
  const names = disk.list(`${directory}/${RETAINED_DIRECTORY}`).filter((name) => /^\d{1,16}$/.test(name))
  return names.map(Number).sort((a, b) => a - b)
}

/** Throws ERR_STATE_CORRUPT, ERR_FORMAT_NEWER; ERR_FILE_NOT_FOUND when the checkpoint is not retained. */
export function readRetained(disk: Disk, directory: string, id: number): Manifest {
  const path = retainedPath(directory, id)
  return decodeManifest(readFile(disk, path), path)
}

/** Writes the manifest of a checkpoint that is to be kept, durably; replaces one of the same id. */
export function writeRetained(disk: Disk, directory: string, manifest: Manifest): void {
  disk.makeDirectory(`${directory}/${RETAINED_DIRECTORY}`)
  replaceFile(disk, `${directory}/${RETAINED_DIRECTORY}`, String(manifest.id), encodeManifest(manifest))
  disk.syncDirectory(directory)
}

/** Forgets a retained checkpoint, durably: only afterwards may its files be removed. */
export function removeRetained(disk: Disk, directory: string, id: number): void {
  disk.remove(retainedPath(directory, id))
  disk.syncDirectory(`${directory}/${RETAINED_DIRECTORY}`)
}

/** What each retained checkpoint is made of and holds alone. */
export function describeRetained(manifests: readonly Manifest[], current: Manifest): RetainedState[] {
  const users = new Map<string, number>()
  for (const { files } of [...manifests, current]) {
    for (const { name } of files) users.set(name, (users.get(name) ?? 0) + 1)
  }
  return manifests.map((manifest) => {
    let sizeBytes = 0
    let ownBytes = 0
    for (const file of manifest.files) {
      sizeBytes += file.sizeBytes
      if (users.get(file.name) === 1) ownBytes += file.sizeBytes
    }
    return { id: manifest.id, createdAtMs: manifest.createdAtMs ?? 0, manifest, sizeBytes, ownBytes }
  })
}
