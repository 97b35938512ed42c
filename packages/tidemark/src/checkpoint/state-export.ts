import type { Disk } from '../disk/disk.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { exportBase } from '../lsm/export-base.ts'
import { isOurs, type Manifest, MANIFEST_NAME, readManifest } from '../lsm/manifest.ts'
import { readRetained } from '../lsm/retained.ts'
import type { Base, Steps } from '../store/types.ts'

const EXPORTS = 'exports'
const CACHE_BYTES = 1024 * 1024

/** What keeps the state of a checkpoint, so that it can be read while the task goes on. See LsmBase. */
export interface StateKeeper {
  /** Keeps the state of now as checkpoint `id`; in steps where that takes time. */
  retain(id: number, createdAtMs: number): Steps | void
  release(id: number): void
  retained(): readonly { readonly id: number }[]
}

/** Where the sorted files of a checkpoint of a task are, and which they are. */
export interface KeptState {
  readonly directory: string
  readonly manifest: Manifest
}

function exportDirectory(directory: string, id: number): string {
  return `${directory}/${EXPORTS}/${id}`
}

/**
 * Keeps checkpoints of engines that cannot, by a copy in sorted files: it costs as much as reading the whole state and
 * writing it, so it is for savepoints. Copies are below the task's state directory until they are released; what a crash
 * has left goes when the task is opened again (K2).
 */
export class StateExporter implements StateKeeper {
  readonly #disk: Disk
  readonly #directory: string
  readonly #base: Base
  readonly #kept = new Set<number>()

  /** Removes what is there: nobody holds it any more. */
  constructor(disk: Disk, directory: string, base: Base) {
    this.#disk = disk
    this.#directory = directory
    this.#base = base
    for (const name of disk.list(`${directory}/${EXPORTS}`)) this.#remove(`${directory}/${EXPORTS}/${name}`)
  }

  /** The base must not be written meanwhile. Errors as `exportBase`. */
  *retain(id: number): Steps {
    const directory = exportDirectory(this.#directory, id)
    this.#remove(directory)
    const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
    let complete = false
    try {
      yield* exportBase({ disk: this.#disk, base: this.#base, directory, cache })
      complete = true
    } finally {
      if (!complete) this.#remove(directory)
    }
    this.#kept.add(id)
  }

  release(id: number): void {
    this.#kept.delete(id)
    this.#remove(exportDirectory(this.#directory, id))
  }

  retained(): { readonly id: number }[] {
    return [...this.#kept].map((id) => ({ id }))
  }

  /** A copy that goes loses its manifest first: the rest is no state then. */
  #remove(directory: string): void {
    const disk = this.#disk
    const names = disk.list(directory)
    if (names.includes(MANIFEST_NAME)) disk.remove(`${directory}/${MANIFEST_NAME}`)
    for (const name of names) if (isOurs(name)) disk.remove(`${directory}/${name}`)
    if (names.length > 0) disk.host?.removeDirectory(directory)
  }
}

/**
 * The files of a checkpoint that a task has kept for a savepoint, by its engine or by export. ERR_FILE_NOT_FOUND when it
 * has not; ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
 */
export function keptState(disk: Disk, directory: string, id: number): KeptState {
  const exported = exportDirectory(directory, id)
  const manifest = readManifest(disk, exported)
  if (manifest !== null) return { directory: exported, manifest }
  return { directory, manifest: readRetained(disk, directory, id) }
}
