import type { SortedStore } from '../store/types.ts'
import { bucketEndOf, windowEndOf } from './expiry.ts'
import { ForwardCursor } from './forward-cursor.ts'
import type { FileBucket, FileEntry, WindowState } from './manifest.ts'
import { MergeCursor } from './merge-cursor.ts'
import type { Section } from './section.ts'
import { SequentialBlocks } from './sequential-blocks.ts'
import type { SortedFile } from './sorted-file.ts'
import type { OlderKeys } from './sorted-file-writer.ts'

/** A sorted file that is open, with what the manifest says of it. */
export interface OpenFile {
  readonly entry: FileEntry
  readonly file: SortedFile
}

/** Which of a store's sections may hold a key. */
class StoreSections {
  /** All, newest first. */
  readonly all: Section[] = []
  /** Those outside of buckets, and by the end of a bucket its own and these: both newest first. */
  readonly #general: Section[] = []
  readonly #buckets = new Map<number, Section[]>()
  readonly #windows: WindowState | null

  constructor(windows: WindowState | null) {
    this.#windows = windows
  }

  add(section: Section, bucket: FileBucket | undefined): void {
    this.all.push(section)
    if (bucket === undefined) {
      this.#general.push(section)
      for (const sections of this.#buckets.values()) sections.push(section)
      return
    }
    const sections = this.#buckets.get(bucket.endMs)
    if (sections === undefined) this.#buckets.set(bucket.endMs, [...this.#general, section])
    else sections.push(section)
  }

  of(key: Uint8Array, end: number): readonly Section[] {
    const windows = this.#windows
    if (windows === null || this.#buckets.size === 0) return this.all
    const endMs = bucketEndOf(windowEndOf(key, end, windows.sizeMs), windows.bucketMs)
    return this.#buckets.get(endMs) ?? this.#general
  }

  /** True if every key is looked for in the same sections. */
  get same(): boolean {
    return this.#buckets.size === 0
  }
}

const NONE = new StoreSections(null)

/** The open files of a base, newest first: a value, replaced when the manifest is. */
export class FileSet {
  readonly open: readonly OpenFile[]
  readonly files: readonly SortedFile[]
  readonly #byStore = new Map<string, StoreSections>()

  constructor(open: readonly OpenFile[], windows: Readonly<Record<string, WindowState>>) {
    this.open = open
    this.files = open.map(({ file }) => file)
    for (const { entry, file } of open) {
      for (const [name, section] of file.sections) {
        let sections = this.#byStore.get(name)
        if (sections === undefined) {
          sections = new StoreSections(windows[name] ?? null)
          this.#byStore.set(name, sections)
        }
        sections.add(section, entry.bucket)
      }
    }
  }

  /** The sections of a store, newest first. */
  sectionsOf(store: string): readonly Section[] {
    return this.#of(store).all
  }

  /** The sections that may hold key[..., end) of a store, newest first. */
  sectionsFor(store: string, key: Uint8Array, end: number): readonly Section[] {
    return this.#of(store).of(key, end)
  }

  /** True if every key of a store is looked for in the same sections: it has no windows in buckets. */
  isPlain(store: string): boolean {
    return this.#of(store).same
  }

  #of(store: string): StoreSections {
    return this.#byStore.get(store) ?? NONE
  }

  /** What these files can hold of a store. */
  keysOf(store: string): OlderKeys {
    return new SectionKeys(this.#of(store))
  }

  /** The entries of all stores, one store after the other, as a merge writes them: of each key the newest. */
  *merged(): Generator<SortedStore, void> {
    const names = new Set<string>()
    for (const { file } of this.open) for (const name of file.sections.keys()) names.add(name)
    for (const name of [...names].sort()) {
      const cursors: ForwardCursor[] = []
      let count = 0
      for (const { file } of this.open) {
        const section = file.sections.get(name)
        if (section === undefined) continue
        cursors.push(new ForwardCursor(section, new SequentialBlocks(file, section), null, null))
        count += section.head.entries
      }
      yield { name, count, cursor: new MergeCursor(cursors, false) }
    }
  }
}

class SectionKeys implements OlderKeys {
  readonly #sections: StoreSections

  constructor(sections: StoreSections) {
    this.#sections = sections
  }

  mayContain(key: Uint8Array, start: number, end: number, hash: number): boolean {
    for (const section of this.#sections.of(key, end)) if (section.mayContain(key, start, end, hash)) return true
    return false
  }
}
