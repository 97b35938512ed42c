import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Base, BaseIterator, ByteRange, SortedStore, Steps, StoreDescriptor } from '../../src/store/types.ts'
import { baseConformance, type ConformanceCase } from '../../src/testing/index.ts'

/*
 * The suite is there to find engines that are wrong. So here is a right one, as small as can be, and what it may do wrong:
 * each fault has to be found by the case that is about it.
 */
const FAULTS = {
  'goes forward when asked for reverse': 'ranges are half-open',
  'gives the end of a range too': 'ranges are half-open',
  'knows no limit': 'ranges are half-open',
  'keeps what was deleted': 'a deleted key is gone',
  'keeps the older value': 'the newest value counts',
  'has one room for all stores': 'stores do not see each other',
  'shows iterators what comes later': 'an iterator is stable',
  'counts everything ten times': 'counts are about right',
  'forgets its id': 'closed and opened again',
  'forgets what stores it has': 'a write without entries',
  'loses its last write when the process dies': 'what a write has ended',
  'leaves half of a write that is given up': 'a write that is given up',
  'shows half of a write to readers': 'between two steps of a write',
  'leaves half of a write that met an error': 'entries that cannot be read',
  'lets a reader write': 'a reader beside the owner',
} as const
type Fault = keyof typeof FAULTS

interface Entry {
  readonly key: Buffer
  readonly value: Buffer
}

/** What is on a disk. */
interface Content {
  readonly id: number
  readonly descriptors: readonly StoreDescriptor[]
  readonly stores: ReadonlyMap<string, ReadonlyMap<string, Entry>>
}

const NOTHING: Content = { id: 0, descriptors: [], stores: new Map() }

/** All places of one engine: content is never changed, but replaced. */
class Places {
  readonly fault: Fault | null
  readonly now = new Map<string, Content>()
  readonly before = new Map<string, Content>()
  #count = 0

  constructor(fault: Fault | null) {
    this.fault = fault
  }

  place = (): string => `place-${++this.#count}`

  crash = (place: string): string => {
    const to = this.place()
    const from = this.fault === 'loses its last write when the process dies' ? this.before : this.now
    this.now.set(to, from.get(place) ?? NOTHING)
    return to
  }

  open = (place: string, readOnly: boolean): Base => new SmallBase(this, place, readOnly)

  replace(place: string, content: Content): void {
    this.before.set(place, this.now.get(place) ?? NOTHING)
    this.now.set(place, content)
  }
}

class SmallBase implements Base {
  id: number
  descriptors: readonly StoreDescriptor[]
  valueBytes: Uint8Array = new Uint8Array(0)
  valueStart = 0
  valueEnd = 0
  #content: Content
  readonly #places: Places
  readonly #place: string
  readonly #readOnly: boolean

  constructor(places: Places, place: string, readOnly: boolean) {
    this.#places = places
    this.#place = place
    this.#readOnly = readOnly
    this.#content = places.now.get(place) ?? NOTHING
    this.id = this.#has('forgets its id') ? 0 : this.#content.id
    this.descriptors = this.#has('forgets what stores it has') ? [] : this.#content.descriptors
  }

  #has(fault: Fault): boolean {
    return this.#places.fault === fault
  }

  #entries(store: string): ReadonlyMap<string, Entry> {
    return this.#content.stores.get(this.#room(store)) ?? new Map()
  }

  #room(store: string): string {
    return this.#has('has one room for all stores') ? 'all' : store
  }

  get(store: string, key: Uint8Array, start: number, end: number): 0 | 1 {
    const found = this.#entries(store).get(Buffer.from(key.subarray(start, end)).toString('latin1'))
    if (found === undefined) return 0
    this.valueBytes = found.value
    this.valueEnd = found.value.length
    return 1
  }

  scan(store: string, { from, to, reverse, limit }: ByteRange): BaseIterator {
    const most = this.#has('gives the end of a range too') ? 0 : -1
    const select = (): Entry[] => {
      const inside = sorted(this.#entries(store)).filter(
        ({ key }) =>
          (from === null || Buffer.compare(key, from) >= 0) && (to === null || Buffer.compare(key, to) <= most),
      )
      if (reverse && !this.#has('goes forward when asked for reverse')) inside.reverse()
      return this.#has('knows no limit') ? inside : inside.slice(0, Math.min(limit, inside.length))
    }
    let view = select()
    let of = this.#content
    const entries = (): Entry[] => {
      if (of !== this.#content && this.#has('shows iterators what comes later')) view = select()
      of = this.#content
      return view
    }
    let at = -1
    let open = true
    return {
      next: () => open && ++at < entries().length,
      get key() {
        return (entries()[at] as Entry).key
      },
      get valueBytes() {
        return (entries()[at] as Entry).value
      },
      valueStart: 0,
      get valueEnd() {
        return (entries()[at] as Entry).value.length
      },
      close: () => {
        open = false
      },
    }
  }

  *write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    if (this.#readOnly && !this.#has('lets a reader write')) throw new Error('a reader does not write')
    const next = new Map([...this.#content.stores].map(([name, entries]) => [name, new Map(entries)]))
    const steps = this.#take(next, stores)
    try {
      for (let step = steps.next(); step.done !== true; step = steps.next()) {
        if (this.#has('shows half of a write to readers')) this.#content = { ...this.#content, stores: copied(next) }
        yield
      }
    } catch (error) {
      if (this.#has('leaves half of a write that met an error')) this.#replace({ ...this.#content, stores: next })
      throw error
    } finally {
      if (this.#has('leaves half of a write that is given up')) this.#replace({ ...this.#content, stores: next })
    }
    this.#replace({ id, descriptors, stores: next })
    this.id = id
    this.descriptors = descriptors
  }

  *#take(next: Map<string, Map<string, Entry>>, stores: readonly SortedStore[]): Steps {
    for (const { name, cursor } of stores) {
      const room = this.#room(name)
      const entries = next.get(room) ?? new Map<string, Entry>()
      next.set(room, entries)
      for (let seen = 1; cursor.next(); seen++) {
        const key = Buffer.from(cursor.keyBytes.subarray(cursor.keyStart, cursor.keyEnd))
        const text = key.toString('latin1')
        const older = this.#has('keeps the older value') && entries.has(text)
        if (!cursor.present && !this.#has('keeps what was deleted')) entries.delete(text)
        else if (cursor.present && !older) {
          entries.set(text, { key, value: Buffer.from(cursor.valueBytes.subarray(cursor.valueStart, cursor.valueEnd)) })
        }
        if (seen % 100 === 0) yield
      }
    }
    yield
  }

  #replace(content: Content): void {
    this.#content = content
    this.#places.replace(this.#place, content)
  }

  approximateCount(store: string): number {
    return this.#entries(store).size * (this.#has('counts everything ten times') ? 10 : 1)
  }

  statistics(): { readonly files: number; readonly bytes: number; readonly entries: number } {
    const entries = [...this.#content.stores.values()].reduce((sum, { size }) => sum + size, 0)
    return { files: 1, bytes: 0, entries }
  }

  close(): void {}
}

const inOrder = new WeakMap<ReadonlyMap<string, Entry>, readonly Entry[]>()

/** Of entries that will not change. */
function sorted(entries: ReadonlyMap<string, Entry>): readonly Entry[] {
  const known = inOrder.get(entries)
  if (known !== undefined && known.length === entries.size) return known
  const made = [...entries.values()].sort((a, b) => Buffer.compare(a.key, b.key))
  inOrder.set(entries, made)
  return made
}

function copied(stores: ReadonlyMap<string, ReadonlyMap<string, Entry>>): Content['stores'] {
  return new Map([...stores].map(([name, entries]) => [name, new Map(entries)]))
}

function casesOf(fault: Fault | null): ConformanceCase[] {
  const { place, open, crash } = new Places(fault)
  return baseConformance({ name: 'small', place, open, crash })
}

for (const { name, run } of casesOf(null)) test(name, run)

for (const [fault, about] of Object.entries(FAULTS)) {
  test(`an engine that ${fault} is found out`, async () => {
    const cases = casesOf(fault as Fault).filter(({ name }) => name.includes(about))
    assert.equal(cases.length, 1, `there is a case about: ${about}`)
    await assert.rejects((cases[0] as ConformanceCase).run(), { code: 'ERR_ASSERTION' })
  })
}
