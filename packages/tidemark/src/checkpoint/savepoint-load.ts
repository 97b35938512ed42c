import type { Disk } from '../disk/disk.ts'
import { type FileEntry, isFileName, type Manifest, MANIFEST_NAME, writeManifestNow } from '../lsm/manifest.ts'
import { verifyFile } from '../lsm/verify-file.ts'
import { inParallel } from './in-parallel.ts'
import type { ObjectStore } from './object-store.ts'
import { type SavepointTask, taskPrefix } from './savepoint-format.ts'
import { readTaskManifest } from './savepoint-restore.ts'

/** Files at a time, of all tasks together: each takes some MiB of memory when it comes from S3. */
const LANES = 6
/** A file on its way; it gets its name when all of it is there. */
const PART = '.part'

/** A task of a savepoint, and the state directory that it goes to. */
export interface LoadedTask {
  readonly task: SavepointTask
  readonly directory: string
  readonly manifest: Manifest
}

export interface LoadOptions {
  readonly blobs: ObjectStore
  readonly disk: Disk
  readonly tasks: readonly { readonly task: SavepointTask; readonly directory: string }[]
  readonly pause: () => Promise<void>
  /** Bytes of a task's files that are here now; `loaded` when they came now, and were not left by an earlier attempt. */
  readonly onBytes: (task: number, bytes: number, loaded: boolean) => void
  readonly onFile?: () => void
}

/**
 * Puts the sorted files of a savepoint's tasks into their state directories, several at a time: links or copies, each
 * verified when it is read. There is no state before `installLoaded`. What an attempt that was cut off has left is verified
 * and not fetched again; other files in the directories go. Rejects once nothing is under way any more.
 */
export async function loadTasks(options: LoadOptions): Promise<LoadedTask[]> {
  const { blobs, disk, tasks } = options
  const loaded = await inParallel(tasks, async ({ task, directory }) => {
    const manifest = await readTaskManifest(blobs, task)
    clear(disk, directory, manifest)
    return { task, directory, manifest }
  })
  const files = loaded.flatMap(({ task, directory, manifest }) =>
    manifest.files.map((file) => ({ task: task.task, directory, file })),
  )
  const load = async ({ task, directory, file }: (typeof files)[number]): Promise<void> => {
    const path = `${directory}/${file.name}`
    if (await isWhole(options, path, file)) options.onBytes(task, file.sizeBytes, false)
    else {
      const onBytes = (bytes: number): void => options.onBytes(task, bytes, true)
      await blobs.fetch(taskPrefix(task) + file.name, path + PART, onBytes)
      disk.rename(path + PART, path)
    }
    options.onFile?.()
  }
  await inParallel(files, load, LANES)
  return loaded
}

/** The manifest goes first and durably: without it the rest is no state. */
function clear(disk: Disk, directory: string, manifest: Manifest): void {
  disk.makeDirectory(directory)
  if (disk.exists(`${directory}/${MANIFEST_NAME}`)) {
    disk.remove(`${directory}/${MANIFEST_NAME}`)
    disk.syncDirectory(directory)
  }
  const wanted = new Set(manifest.files.map(({ name }) => name))
  for (const name of disk.list(directory)) {
    if ((isFileName(name) && !wanted.has(name)) || name.endsWith(PART)) disk.remove(`${directory}/${name}`)
  }
}

async function isWhole({ disk, pause }: LoadOptions, path: string, file: FileEntry): Promise<boolean> {
  if (!disk.exists(path)) return false
  const verification = verifyFile(disk, path, file)
  let step = verification.next()
  while (step.done !== true) {
    await pause()
    step = verification.next()
  }
  return step.value.findings.length === 0
}

/** Makes what was loaded the state of checkpoint `id`. The manifest comes last: before it there is no state (C8). */
export function installLoaded(disk: Disk, { directory, manifest }: LoadedTask, id: number): void {
  disk.syncDirectory(directory)
  writeManifestNow(disk, directory, { ...manifest, id })
}
