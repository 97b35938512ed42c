import type { Disk } from '../disk/disk.ts'
import { invariant, isTidemarkError } from '../errors/error.ts'
import type { BlockCache } from './block-cache.ts'
import type { Compression } from './codec.ts'
import { corrupt } from './format.ts'
import {
  EMPTY_MANIFEST,
  isFileName,
  isOurs,
  type Manifest,
  MANIFEST_NAME,
  readManifest,
  writeManifestNow,
} from './manifest.ts'
import type { Steps } from '../store/types.ts'
import type { ReadAround } from './read-around.ts'
import type { ReadCounters } from './read-counters.ts'
import { readRetained, RETAINED_DIRECTORY, retainedIds } from './retained.ts'
import { SortedFile } from './sorted-file.ts'

/** A reader beside a writing owner finds files gone, reads the manifest again, and so on: at most so many times. */
const MAX_ATTEMPTS = 20

export interface FilePlace {
  readonly disk: Disk
  readonly directory: string
  readonly cache: BlockCache
  readonly resident: boolean
  /** Of new files. */
  readonly compression: Compression
  readonly blockBytes?: number | undefined
  readonly counters: ReadCounters
  readonly around: ReadAround | null
}

export interface OpenedFiles {
  readonly manifest: Manifest
  /** Newest first; one use of each is the caller's. */
  readonly files: readonly SortedFile[]
  /** The checkpoints that are kept, by ascending id; only for the owner. */
  readonly retained: readonly Manifest[]
}

/** Runs a generator to its end at once. It must have nothing to wait for, as is so on a disk in memory. */
export function runToEnd<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    invariant(!(step.value instanceof Promise), 'steps that are run at once wait for nothing')
  }
}

/** Runs a generator to its end, waiting where it waits. */
export async function runWaiting<T>(steps: Steps<T>): Promise<T> {
  let step = steps.next()
  while (step.done !== true) {
    if (step.value instanceof Promise) {
      try {
        await step.value
      } catch (error) {
        step = steps.throw(error)
        continue
      }
    }
    step = steps.next()
  }
  return step.value
}

/** At once: the next flush may take its name. One that the base before was removing as it closed may go meanwhile. */
function removeOrphan(disk: Disk, path: string): void {
  try {
    disk.remove(path)
  } catch (error) {
    if (!isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) throw error
  }
}

/** Opens what the manifest names, removes what it does not. Throws ERR_STATE_CORRUPT, ERR_FORMAT_NEWER. */
export function openForWriting(place: FilePlace): OpenedFiles {
  const { disk, directory } = place
  makeDurableDirectory(disk, directory)
  let manifest = readManifest(disk, directory)
  if (manifest === null) {
    checkNoFiles(disk, directory)
    manifest = EMPTY_MANIFEST
    writeManifestNow(disk, directory, manifest)
  } else syncNames(disk, directory)
  const retained = retainedIds(disk, directory).map((id) => readRetained(disk, directory, id))
  const named = new Set([manifest, ...retained].flatMap(({ files }) => files.map((file) => file.name)))
  for (const name of disk.list(directory)) {
    if (isOurs(name) && !named.has(name)) removeOrphan(disk, `${directory}/${name}`)
  }
  const { files, missing } = openAll(place, manifest, [])
  if (missing !== null) throw missingFile(place, manifest, missing)
  return { manifest, files, retained }
}

/**
 * A process may have ended between putting a manifest in place, or giving one up, and making that durable. What is opened
 * now is what the log is told of, and what decides which files are removed: a loss of power must not take it back.
 */
function syncNames(disk: Disk, directory: string): void {
  disk.syncDirectory(directory)
  const retained = `${directory}/${RETAINED_DIRECTORY}`
  if (disk.exists(retained)) disk.syncDirectory(retained)
}

/**
 * Opens the state of a retained checkpoint. ERR_FILE_NOT_FOUND: there is none with this id. ERR_STATE_CORRUPT: it, or one
 * of its files, is damaged or missing.
 */
export function openRetained(place: FilePlace, id: number): OpenedFiles {
  const manifest = readRetained(place.disk, place.directory, id)
  const { files, missing } = openAll(place, manifest, [])
  if (missing !== null) throw missingFile(place, manifest, missing)
  return { manifest, files, retained: [] }
}

/**
 * Opens the state of the newest manifest while its owner may replace it: a file that is gone means that there is a newer
 * manifest. Files in `reuse` need not be opened again.
 */
export function openForReading(place: FilePlace, reuse: readonly SortedFile[]): OpenedFiles {
  const { disk, directory } = place
  let last: Manifest | null = null
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const manifest = readManifest(disk, directory)
    if (manifest === null) {
      checkNoFiles(disk, directory)
      return { manifest: EMPTY_MANIFEST, files: [], retained: [] }
    }
    const { files, missing } = openAll(place, manifest, reuse)
    if (missing === null) return { manifest, files, retained: [] }
    if (last?.nextFile === manifest.nextFile) throw missingFile(place, manifest, missing)
    last = manifest
  }
  invariant(false, `a reader of ${directory} catches up with its owner within ${MAX_ATTEMPTS} attempts`)
}

/** The manifest is there before the first sorted file is: files without one are a state that lost it. */
function checkNoFiles(disk: Disk, directory: string): void {
  const file = disk.list(directory).find(isFileName)
  const path = `${directory}/${MANIFEST_NAME}`
  if (file !== undefined && !disk.exists(path)) throw corrupt(path, 0, `is missing, but ${file} is there`)
}

function missingFile(place: FilePlace, manifest: Manifest, name: string): Error {
  return corrupt(`${place.directory}/${name}`, 0, `is missing, but checkpoint ${manifest.id} is made of it`)
}

/** Opens all files of a manifest, or none: `missing` is the first that is not there. */
function openAll(
  place: FilePlace,
  manifest: Manifest,
  reuse: readonly SortedFile[],
): { readonly files: SortedFile[]; readonly missing: string | null } {
  const files: SortedFile[] = []
  let complete = false
  try {
    for (const entry of manifest.files) {
      const path = `${place.directory}/${entry.name}`
      const known = reuse.find((file) => file.path === path && file.checksum === entry.checksum)
      known?.retain()
      const file = known ?? openOne(place, path, entry)
      if (file === null) return { files, missing: entry.name }
      files.push(file)
    }
    complete = true
    return { files, missing: null }
  } finally {
    if (!complete) for (const file of files) file.release()
  }
}

function openOne(
  place: FilePlace,
  path: string,
  expected: { readonly sizeBytes: number; readonly checksum: number },
): SortedFile | null {
  const { disk, cache, resident, counters, around } = place
  try {
    return runToEnd(SortedFile.open({ disk, path, cache, counters, around, resident, expected }))
  } catch (error) {
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
    throw error
  }
}

/** A new directory is durable once its name is: in its parent, and so on up to the first that was there. */
function makeDurableDirectory(disk: Disk, directory: string): void {
  const parents: string[] = []
  let path = directory
  while (!disk.exists(path)) {
    const slash = path.lastIndexOf('/')
    if (slash < 0) break
    path = slash === 0 ? '/' : path.slice(0, slash)
    parents.push(path)
    if (slash === 0) break
  }
  disk.makeDirectory(directory)
  for (const parent of parents) disk.syncDirectory(parent)
}
