import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

const SETTLE_MS = 100

/**
 * Calls back once after one or more of the files changed, a moment after the last change. Watches their directories,
 * since editors replace a file rather than write it.
 */
export class FileWatch {
  readonly #onChange: (path: string) => void
  readonly #directories = new Map<string, { watcher: FSWatcher; names: Set<string> }>()
  #timer: NodeJS.Timeout | null = null

  constructor(onChange: (path: string) => void) {
    this.#onChange = onChange
  }

  add(path: string): void {
    const directory = dirname(path)
    const known = this.#directories.get(directory)
    if (known !== undefined) {
      known.names.add(basename(path))
      return
    }
    const names = new Set([basename(path)])
    const watcher = watch(directory, (_event, name) => {
      if (name !== null && names.has(name)) this.#changed(`${directory}/${name}`)
    })
    // A directory that goes away ends the watch of its files, not the run.
    watcher.on('error', () => watcher.close())
    this.#directories.set(directory, { watcher, names })
  }

  #changed(path: string): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#onChange(path)
    }, SETTLE_MS)
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const { watcher } of this.#directories.values()) watcher.close()
    this.#directories.clear()
  }
}
