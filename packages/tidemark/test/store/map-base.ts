import { murmur2 } from '../../src/hash/murmur2.ts'
import { compareBytes } from '../../src/store/compare.ts'
import type { Base, BaseIterator, ByteRange, SortedStore, Steps, StoreDescriptor } from '../../src/store/types.ts'

interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** A Base in memory, for tests: a sorted array of entries for each store. Survives the states that are opened on it. */
export class MapBase implements Base {
  id = 0
  descriptors: readonly StoreDescriptor[] = []
  valueBytes: Uint8Array = new Uint8Array(0)
  valueStart = 0
  valueEnd = 0
  openScans = 0
  /** Scans and gets so far. */
  scans = 0
  gets = 0
  closed = false
  /** Throws it in the middle of the next write. */
  failNextWrite: Error | null = null
  #stores = new Map<string, Map<string, Entry>>()

  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    this.gets++
    if (hash !== murmur2(key, start, end)) throw new Error('the hash is not the key’s')
    const entry = this.#stores.get(store)?.get(nameOf(key, start, end))
    if (entry === undefined) return 0
    // Surrounded by other bytes, as in a block.
    this.valueBytes = new Uint8Array(entry.value.length + 6).fill(0xee)
    this.valueBytes.set(entry.value, 3)
    this.valueStart = 3
    this.valueEnd = 3 + entry.value.length
    return 1
  }

  scan(store: string, range: ByteRange): BaseIterator {
    const { from, to, reverse } = range
    const entries = [...(this.#stores.get(store)?.values() ?? [])]
      .filter(({ key }) => (from === null || compare(key, from) >= 0) && (to === null || compare(key, to) < 0))
      .sort((a, b) => (reverse ? compare(b.key, a.key) : compare(a.key, b.key)))
      .slice(0, Math.min(range.limit, Number.MAX_SAFE_INTEGER))
    this.openScans++
    this.scans++
    let at = -1
    let open = true
    const current = (): Entry => entries[at] as Entry
    return {
      next: () => ++at < entries.length,
      get key() {
        return current().key
      },
      get valueBytes() {
        return current().value
      },
      valueStart: 0,
      get valueEnd() {
        return current().value.length
      },
      close: () => {
        if (open) this.openScans--
        open = false
      },
    }
  }

  *write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    const next = new Map([...this.#stores].map(([name, entries]) => [name, new Map(entries)]))
    for (const { name, count, cursor } of stores) {
      const entries = next.get(name) ?? new Map<string, Entry>()
      next.set(name, entries)
      let seen = 0
      let previous: Uint8Array | null = null
      while (cursor.next()) {
        const key = cursor.keyBytes.slice(cursor.keyStart, cursor.keyEnd)
        if (previous !== null && compare(previous, key) >= 0) throw new Error('entries are not sorted')
        if (cursor.hash !== murmur2(key)) throw new Error('the hash is not the key’s')
        previous = key
        if (cursor.present) {
          entries.set(nameOf(key, 0, key.length), {
            key,
            value: cursor.valueBytes.slice(cursor.valueStart, cursor.valueEnd),
          })
        } else entries.delete(nameOf(key, 0, key.length))
        if (++seen % 3 === 0) yield
        if (this.failNextWrite !== null) {
          const error = this.failNextWrite
          this.failNextWrite = null
          throw error
        }
      }
      if (seen !== count) throw new Error(`count says ${count}, but ${seen} entries came`)
    }
    yield
    this.#stores = next
    this.id = id
    this.descriptors = descriptors
  }

  approximateCount(store: string): number {
    return this.#stores.get(store)?.size ?? 0
  }

  statistics(): { readonly files: number; readonly bytes: number; readonly entries: number } {
    const entries = [...this.#stores.values()].reduce((sum, store) => sum + store.size, 0)
    return { files: this.id === 0 ? 0 : 1, bytes: entries * 16, entries }
  }

  close(): void {
    this.closed = true
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, 0, a.length, b, 0, b.length)
}

function nameOf(key: Uint8Array, start: number, end: number): string {
  return Buffer.from(key.subarray(start, end)).toString('latin1')
}
