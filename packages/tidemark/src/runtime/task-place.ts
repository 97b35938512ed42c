import { removeState } from '../checkpoint/state-restore.ts'
import type { Disk } from '../disk/disk.ts'
import {
  directoryOf,
  type EngineChoice,
  FILES_PLACE,
  hasFiles,
  keptInFiles,
  placeOf,
  readPlaces,
  shadowDirectory,
} from '../engines/placement.ts'

/** Where the state of a task is on the disk, and where the sorted files are of which its checkpoints consist. */
export class TaskPlace {
  readonly directory: string
  /** That directory itself, or its shadow's. */
  readonly files: string
  readonly #disk: Disk
  readonly #choice: EngineChoice

  constructor(disk: Disk, directory: string, choice: EngineChoice) {
    this.#disk = disk
    this.#choice = choice
    this.directory = directory
    this.files = keptInFiles(choice, Object.keys(choice.stores)) ? directory : shadowDirectory(directory)
  }

  get isShadowed(): boolean {
    return this.files !== this.directory
  }

  /** Of a task with a shadow: every engine that has had a store of it has a directory. */
  get hasEngines(): boolean {
    const places = readPlaces(this.#disk, this.directory)
    if (places === null) return hasFiles(this.#disk, this.directory)
    return [...new Set(places.values())].every((place) =>
      place === FILES_PLACE
        ? hasFiles(this.#disk, this.directory)
        : this.#disk.list(directoryOf(this.directory, place)).length > 0,
    )
  }

  /** Removes what engines have of a task with a shadow, so that they are filled from that. */
  removeEngines(): void {
    if (!this.isShadowed) return
    const known = readPlaces(this.#disk, this.directory)?.values() ?? []
    const chosen = [this.#choice.engine, ...Object.values(this.#choice.stores)].map((engine) =>
      placeOf(engine, this.#choice),
    )
    for (const place of new Set([...known, ...chosen])) {
      if (place !== FILES_PLACE) this.#disk.host?.removeTree(directoryOf(this.directory, place))
    }
    removeState(this.#disk, this.directory)
  }
}
