import type { SortedStore } from '../store/types.ts'
import { ForwardCursor } from './forward-cursor.ts'
import { MergeCursor } from './merge-cursor.ts'
import type { Section } from './section.ts'
import { SequentialBlocks } from './sequential-blocks.ts'
import type { SortedFile } from './sorted-file.ts'
import type { OlderKeys } from './sorted-file-writer.ts'

const NO_SECTIONS: readonly Section[] = []

/** The open files of a base, newest first: a value, replaced when the manifest is. */
export class FileSet {
  readonly files: readonly SortedFile[]
  readonly #byStore = new Map<string, Section[]>()

  constructor(files: readonly SortedFile[]) {
    this.files = files
    for (const file of files) {
      for (const [name, section] of file.sections) {
        const sections = this.#byStore.get(name)
        if (sections === undefined) this.#byStore.set(name, [section])
        else sections.push(section)
      }
    }
  }

  /** The sections of a store, newest first. */
  sectionsOf(store: string): readonly Section[] {
    return this.#byStore.get(store) ?? NO_SECTIONS
  }

  /** What these files can hold of a store. */
  keysOf(store: string): OlderKeys {
    return new SectionKeys(this.sectionsOf(store))
  }

  /** The entries of all stores, one store after the other, as a merge writes them: of each key the newest. */
  *merged(): Generator<SortedStore, void> {
    const names = new Set<string>()
    for (const file of this.files) for (const name of file.sections.keys()) names.add(name)
    for (const name of [...names].sort()) {
      const cursors: ForwardCursor[] = []
      let count = 0
      for (const file of this.files) {
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
  readonly #sections: readonly Section[]

  constructor(sections: readonly Section[]) {
    this.#sections = sections
  }

  mayContain(key: Uint8Array, start: number, end: number, hash: number): boolean {
    for (const section of this.#sections) if (section.mayContain(key, start, end, hash)) return true
    return false
  }
}
