import type { Disk } from '../disk/disk.ts'
import { murmur2 } from '../hash/murmur2.ts'
import type { Base, BaseIterator, SortedCursor, SortedStore, Steps } from '../store/types.ts'
import type { BlockCache } from './block-cache.ts'
import { openLsmBase } from './lsm-base.ts'

const ALL = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY } as const

export interface ExportBaseOptions {
  readonly disk: Disk
  readonly base: Base
  /** The directory of the copy; it holds no state yet. */
  readonly directory: string
  readonly cache: BlockCache
}

/**
 * Writes what a base of any engine holds to sorted files in another directory, in steps: all entries of all stores that it
 * has descriptors of, as of its id. What is there afterwards is opened by `openLsmBase`. The base must not be written
 * meanwhile. A copy that was cut off has id 0. Errors as those of the base's scan and of `LsmBase.write`.
 */
export function* exportBase(options: ExportBaseOptions): Steps {
  const { disk, base, directory, cache } = options
  const target = openLsmBase({ disk, directory, cache })
  const open: ScanCursor[] = []
  try {
    const stores: SortedStore[] = []
    for (const { name } of base.descriptors) {
      const count = yield* countOf(base, name)
      const cursor = new ScanCursor(base.scan(name, ALL))
      open.push(cursor)
      stores.push({ name, count, cursor })
      const expiredMs = base.expiredBefore?.(name) ?? null
      if (expiredMs !== null) target.expire(name, expiredMs)
    }
    stores.sort((a, b) => (a.name < b.name ? -1 : 1))
    yield* target.write(base.id, base.descriptors, stores)
  } finally {
    for (const cursor of open) cursor.close()
    target.close()
  }
}

const STEP_ENTRIES = 4096

/** Exactly how many entries a store has: a sorted file's filter is sized by it. */
function* countOf(base: Base, store: string): Steps<number> {
  const entries = base.scan(store, ALL)
  let count = 0
  try {
    while (entries.next()) if (++count % STEP_ENTRIES === 0) yield
  } finally {
    entries.close()
  }
  return count
}

class ScanCursor implements SortedCursor {
  readonly present = true
  readonly keyStart = 0
  hash = 0
  readonly #entries: BaseIterator

  constructor(entries: BaseIterator) {
    this.#entries = entries
  }

  next(): boolean {
    if (!this.#entries.next()) return false
    const { key } = this.#entries
    this.hash = murmur2(key)
    return true
  }

  get keyBytes(): Uint8Array {
    return this.#entries.key
  }

  get keyEnd(): number {
    return this.#entries.key.length
  }

  get valueBytes(): Uint8Array {
    return this.#entries.valueBytes
  }

  get valueStart(): number {
    return this.#entries.valueStart
  }

  get valueEnd(): number {
    return this.#entries.valueEnd
  }

  close(): void {
    this.#entries.close()
  }
}
