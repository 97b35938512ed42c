import { TidemarkError } from '../errors/error.ts'
import { decodeManifest, type Manifest } from '../lsm/manifest.ts'
import type { ObjectStore } from './object-store.ts'
import { damagedFile } from './framed-file.ts'
import type { ProducerMark } from './marks.ts'
import type { CheckpointRecord } from './record.ts'
import { type Savepoint, type SavepointTask, TASK_MANIFEST, taskPrefix } from './savepoint-format.ts'

/** The steps of a start from a savepoint between which a crash is tested (invariant K5). */
export const RESTORE_FAILPOINTS = [
  'restore-before-pending',
  'restore-after-pending',
  'restore-after-streams',
  'restore-after-file',
  'restore-after-batch',
  'restore-after-files',
  'restore-after-task',
  'restore-after-sources',
  'restore-before-lineage',
  'restore-after-lineage',
] as const

export type RestoreFailpoint = (typeof RESTORE_FAILPOINTS)[number]

/** Sees that all of a savepoint's files are there and as long as it says: ERR_CHECKPOINT_CORRUPT names the first that is not. */
export async function checkSavepointFiles(blobs: ObjectStore, savepoint: Savepoint): Promise<void> {
  for (const { task, files } of savepoint.tasks) {
    for (const { name, sizeBytes } of files) {
      const path = taskPrefix(task) + name
      const found = await blobs.size(path)
      if (found === null)
        throw damagedFile(`${blobs.where}/${path}`, `savepoint ${savepoint.id} lists it, and it is missing`)
      if (found !== sizeBytes) throw damagedFile(`${blobs.where}/${path}`, `it has ${found} bytes, not ${sizeBytes}`)
    }
  }
}

/** The manifest of a task in a savepoint. ERR_CHECKPOINT_CORRUPT, also if it names files that the savepoint does not list. */
export async function readTaskManifest(blobs: ObjectStore, task: SavepointTask): Promise<Manifest> {
  const name = taskPrefix(task.task) + TASK_MANIFEST
  const bytes = await blobs.get(name)
  if (bytes === null) throw damagedFile(`${blobs.where}/${name}`, 'it is missing')
  const manifest = decodeManifest(bytes, `${blobs.where}/${name}`)
  const listed = new Map(task.files.map((file) => [file.name, file]))
  for (const file of manifest.files) {
    if (listed.get(file.name)?.checksum !== file.checksum) {
      throw damagedFile(`${blobs.where}/${name}`, `it names ${file.name}, which the savepoint does not list`)
    }
  }
  return manifest
}

/** Where a stream's partitions begin for the new lineage. */
export interface RestoredPositions {
  /** The plan's name of an intermediate stream to the name in the new lineage. */
  readonly streamName: (planned: string) => string
  /** The first position of a task's input: by the plan's name, and the position at the cut. */
  readonly position: (planned: string, atCut: number) => number
}

/**
 * A task's record at the cut as the first one of a new lineage, whose state is that of checkpoint `id`. Nothing was in
 * flight at the cut, so an input stands at the end of what it had, wherever that is now.
 */
export function restoredRecord(record: CheckpointRecord, id: number, to: RestoredPositions): CheckpointRecord {
  const inputs = Object.entries(record.inputs).map(([planned, input]) => {
    const position = to.position(planned, input.position)
    const endedAt = input.endedAt === input.position ? position : null
    const marks = Object.entries(input.marks).map(([producer, mark]) => [producer, ofBefore(mark)] as const)
    const restored = { ...input, position, endedAt, endedFor: BEFORE, marks: Object.fromEntries(marks) }
    return [to.streamName(planned), restored] as const
  })
  return {
    ...record,
    // Without its files the state would be empty: this makes that an error.
    lastDeltaId: id,
    changedBytes: 0,
    inputs: Object.fromEntries(inputs),
    sent: Object.fromEntries(
      Object.entries(record.sent).map(([planned, mark]) => [to.streamName(planned), ofBefore(mark)]),
    ),
  }
}

/** Ends of source streams that no run has: offsets may be others here, so that nothing counts as ended yet. */
const BEFORE = '-'

function ofBefore(mark: ProducerMark): ProducerMark {
  return mark.kind === 'end' ? { ...mark, ends: BEFORE } : mark
}

/** ERR_SAVEPOINT_MISMATCH. */
export function mismatch(savepoint: Savepoint, why: string): TidemarkError {
  return new TidemarkError('ERR_SAVEPOINT_MISMATCH', `savepoint ${savepoint.id} of job ${savepoint.job}: ${why}`, {
    details: { savepoint: savepoint.id },
  })
}
