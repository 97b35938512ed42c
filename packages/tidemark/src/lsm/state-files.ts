import { invariant } from '../errors/error.ts'
import { FileSet, type OpenFile } from './file-set.ts'
import { type FileEntry, type Manifest, writeManifest, writeManifestNow, type ManifestProgress } from './manifest.ts'
import { type FilePlace, openForReading, type OpenedFiles } from './open-files.ts'
import { describeRetained, readRetained, removeRetained, type RetainedState, writeRetained } from './retained.ts'
import type { SortedFile } from './sorted-file.ts'
import type { Steps } from '../store/types.ts'

/**
 * The files of a base: which there are, who still needs them, and when they may be removed: once neither the manifest,
 * nor a retained checkpoint, nor an iterator or a running merge needs them (C5).
 */
export class StateFiles {
  readonly place: FilePlace
  #manifest: Manifest
  #set: FileSet
  /** The checkpoints that are kept, by ascending id. */
  #retained: readonly Manifest[]
  /** Out of the manifest, but still in use: removed when they no longer are, unless they are retained. */
  readonly #leaving = new Set<string>()
  #closed = false
  /** A file that was to be removed could not be. */
  #failed: { readonly error: unknown } | null = null

  constructor(place: FilePlace, opened: OpenedFiles) {
    this.place = place
    this.#manifest = opened.manifest
    this.#retained = opened.retained
    this.#set = makeSet(opened.manifest, opened.files)
  }

  get manifest(): Manifest {
    return this.#manifest
  }

  get set(): FileSet {
    return this.#set
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Makes a manifest the one that counts, on disk and for readers, and lets go of the files that are not in it. */
  *install(manifest: Manifest, open: readonly OpenFile[], progress: ManifestProgress, installed: () => void): Steps {
    const { disk, directory } = this.place
    if (this.#failed !== null) throw this.#failed.error
    yield* writeManifest(disk, directory, manifest, progress)
    this.#replace(manifest, open, installed)
  }

  /** As `install`, at once: for a base that is closed. */
  installNow(manifest: Manifest, open: readonly OpenFile[], installed: () => void): void {
    writeManifestNow(this.place.disk, this.place.directory, manifest)
    this.#replace(manifest, open, installed)
  }

  #replace(manifest: Manifest, open: readonly OpenFile[], installed: () => void): void {
    const staying = new Set(open.map(({ file }) => file))
    const leaving = this.#set.open.filter(({ file }) => !staying.has(file))
    this.#manifest = manifest
    this.#set = new FileSet(open, manifest.windows)
    installed()
    for (const { entry, file } of leaving) this.#leave(entry, file)
  }

  #leave({ name }: FileEntry, file: SortedFile): void {
    this.#leaving.add(name)
    file.whenUnused(() => {
      this.#leaving.delete(name)
      if (!this.#closed && !this.#isRetained(name)) this.#remove(file.path)
    })
    file.release()
  }

  #isRetained(name: string): boolean {
    return this.#retained.some(({ files }) => files.some((file) => file.name === name))
  }

  retain(id: number, createdAtMs: number, failpoint: (name: 'retain-before-file' | 'retain-after-file') => void): void {
    const manifest: Manifest = { ...this.#manifest, id, createdAtMs }
    failpoint('retain-before-file')
    writeRetained(this.place.disk, this.place.directory, manifest)
    failpoint('retain-after-file')
    const others = this.#retained.filter((other) => other.id !== id)
    this.#retained = [...others, manifest].sort((a, b) => a.id - b.id)
  }

  release(id: number, failpoint: (name: 'release-before-file' | 'release-before-remove') => void): void {
    const { disk, directory } = this.place
    const manifest = this.#retained.find((retained) => retained.id === id)
    if (manifest === undefined) return
    failpoint('release-before-file')
    removeRetained(disk, directory, id)
    this.#retained = this.#retained.filter((retained) => retained !== manifest)
    failpoint('release-before-remove')
    const current = new Set(this.#manifest.files.map((file) => file.name))
    for (const { name } of manifest.files) {
      if (current.has(name) || this.#leaving.has(name) || this.#isRetained(name)) continue
      this.#remove(`${directory}/${name}`)
    }
  }

  /** Beside the thread's work. What goes wrong is told by the next `install`; a file that a crash leaves goes at opening. */
  #remove(path: string): void {
    this.place.disk.removeLater(path)?.catch((error: unknown) => {
      this.#failed ??= { error }
    })
  }

  retained(): RetainedState[] {
    return describeRetained(this.#retained, this.#manifest)
  }

  /** The manifest of a retained checkpoint. ERR_FILE_NOT_FOUND if there is none with this id. */
  retainedManifest(id: number): Manifest {
    const found = this.#retained.find((retained) => retained.id === id)
    return found ?? readRetained(this.place.disk, this.place.directory, id)
  }

  /** For a base that only reads: goes on to the newest manifest; true if it is another one. */
  refresh(): boolean {
    invariant(!this.#closed, 'only an open base is refreshed')
    const before = this.#set.open.map(({ file }) => file)
    const { manifest, files } = openForReading(this.place, before)
    const changed = manifest.id !== this.#manifest.id || manifest.nextFile !== this.#manifest.nextFile
    this.#manifest = manifest
    this.#set = makeSet(manifest, files)
    for (const file of before) file.release()
    return changed
  }

  /** Releases the files; iterators keep those that they pin until they are closed. */
  close(): void {
    this.#closed = true
    const { open } = this.#set
    this.#set = new FileSet([], {})
    for (const { file } of open) file.release()
  }
}

function makeSet(manifest: Manifest, files: readonly SortedFile[]): FileSet {
  const open = manifest.files.map((entry, i) => ({ entry, file: files[i] as SortedFile }))
  return new FileSet(open, manifest.windows)
}
