import type { SavepointInfo } from '../api/app.ts'
import type { ObjectStore } from '../checkpoint/object-store.ts'
import { openSavepointStore } from '../checkpoint/open-store.ts'
import type { Savepoint } from '../checkpoint/savepoint-format.ts'
import {
  checkVacant,
  type SavepointFailpoint,
  type SavepointPart,
  writeSavepoint,
} from '../checkpoint/savepoint-write.ts'
import { keptState } from '../checkpoint/kept-state.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { EMPTY_MANIFEST } from '../lsm/manifest.ts'
import { stateDirectory } from './state-directory.ts'
import type { TaskCheckpoint } from './thread-messages.ts'

export interface SavepointFilesOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly dataDir: string
  readonly lineage: number
  readonly failpoint: (name: SavepointFailpoint) => void
}

/** Where a savepoint is written; close it. */
export class SavepointFiles {
  readonly #options: SavepointFilesOptions
  readonly #blobs: ObjectStore

  private constructor(options: SavepointFilesOptions, blobs: ObjectStore) {
    this.#options = options
    this.#blobs = blobs
  }

  /** Errors as `openSavepointStore` and `checkVacant`. */
  static async open(place: string, options: SavepointFilesOptions): Promise<SavepointFiles> {
    const { disk, clock } = options
    const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    const blobs = openSavepointStore(place, { disk, clock, pause })
    try {
      await checkVacant(blobs)
      return new SavepointFiles(options, blobs)
    } catch (error) {
      blobs.close()
      throw error
    }
  }

  /** Writes what the tasks keep of the cut. Errors as `writeSavepoint`. */
  write(
    description: Omit<Savepoint, 'tasks'>,
    tasks: readonly TaskCheckpoint[],
  ): Promise<Omit<SavepointInfo, 'savepoint' | 'directory' | 'atMs' | 'tasks' | 'pausedMs'>> {
    const parts = tasks.map((task) => this.#part(task))
    return writeSavepoint(this.#blobs, description, parts, this.#options.failpoint)
  }

  #part({ task, id, record }: TaskCheckpoint): SavepointPart {
    const { disk, dataDir, lineage } = this.#options
    const directory = stateDirectory(dataDir, task, lineage)
    const kept = id === 0 ? { directory, manifest: EMPTY_MANIFEST } : keptState(disk, directory, id)
    return { task, checkpointId: id, record, ...kept }
  }

  close(): void {
    this.#blobs.close()
  }
}
