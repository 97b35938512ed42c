import { TidemarkError } from '../errors/error.ts'
import { encodeManifest, type Manifest } from '../lsm/manifest.ts'
import type { ObjectStore } from './object-store.ts'
import type { CheckpointRecord } from './record.ts'
import {
  encodeSavepoint,
  type Savepoint,
  SAVEPOINT_NAME,
  TASK_MANIFEST,
  taskPrefix,
  withPlannedStreams,
} from './savepoint-format.ts'

/** The steps of a savepoint between which a crash is tested (invariants K3 and K4). */
export const SAVEPOINT_FAILPOINTS = [
  'savepoint-after-pause',
  'savepoint-after-barrier',
  'savepoint-before-files',
  'savepoint-after-files',
  'savepoint-before-manifest',
  'savepoint-after-manifest',
] as const

export type SavepointFailpoint = (typeof SAVEPOINT_FAILPOINTS)[number]

/** One task at the cut: files that nobody removes until the savepoint is written. */
export interface SavepointPart {
  readonly task: number
  readonly checkpointId: number
  readonly record: CheckpointRecord
  /** Where the sorted files are. */
  readonly directory: string
  readonly manifest: Manifest
}

export interface SavepointWritten {
  readonly files: number
  readonly bytes: number
}

/** ERR_SAVEPOINT_EXISTS unless nothing is there yet. */
export async function checkVacant(blobs: ObjectStore): Promise<void> {
  if ((await blobs.list('')).length > 0) throw notVacant(blobs)
}

export function notVacant({ where }: ObjectStore): TidemarkError {
  return new TidemarkError('ERR_SAVEPOINT_EXISTS', `${where} is not empty: write the savepoint somewhere else.`, {
    details: { directory: where },
  })
}

/** As `writeSavepointFiles`, where nothing is yet: ERR_SAVEPOINT_EXISTS. */
export async function writeSavepoint(
  blobs: ObjectStore,
  description: Omit<Savepoint, 'tasks'>,
  parts: readonly SavepointPart[],
  failpoint: (name: SavepointFailpoint) => void,
): Promise<SavepointWritten> {
  await checkVacant(blobs)
  return writeSavepointFiles(blobs, description, parts, failpoint)
}

/**
 * Writes a savepoint: files first, then each task's manifest, then the description, which makes it complete: before that
 * there is no savepoint, whatever a crash leaves. Errors of the store.
 */
export async function writeSavepointFiles(
  blobs: ObjectStore,
  description: Omit<Savepoint, 'tasks'>,
  parts: readonly SavepointPart[],
  failpoint: (name: SavepointFailpoint) => void,
): Promise<SavepointWritten> {
  failpoint('savepoint-before-files')
  let files = 0
  let bytes = 0
  for (const { task, directory, manifest, checkpointId } of parts) {
    const prefix = taskPrefix(task)
    for (const { name, sizeBytes } of manifest.files) {
      await blobs.put(prefix + name, { kind: 'file', path: `${directory}/${name}`, sizeBytes })
      files++
      bytes += sizeBytes
    }
    const encoded = encodeManifest({ ...manifest, id: checkpointId })
    await blobs.put(prefix + TASK_MANIFEST, { kind: 'bytes', bytes: encoded })
  }
  failpoint('savepoint-after-files')
  const savepoint: Savepoint = {
    ...description,
    tasks: parts.map(({ task, checkpointId, record, manifest }) => ({
      task,
      checkpointId,
      record: withPlannedStreams(record),
      files: manifest.files.map(({ name, sizeBytes, checksum }) => ({ name, sizeBytes, checksum })),
    })),
  }
  failpoint('savepoint-before-manifest')
  await blobs.put(SAVEPOINT_NAME, { kind: 'bytes', bytes: encodeSavepoint(savepoint) })
  failpoint('savepoint-after-manifest')
  return { files, bytes }
}
