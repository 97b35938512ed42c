import { compareKeys } from './entry-list.ts'
import type { BaseIterator } from './types.ts'
import type { ValueConverter } from './value-upgrade.ts'

/** A cursor over one generation. */
export interface GenerationScan {
  readonly entries: BaseIterator
  /** Of this cursor alone; null: values stay as they are. */
  readonly converter: ValueConverter | null
}

const NO_BYTES = new Uint8Array(0)

/** The generations of a store as one: in order of the keys, each of which is in one of them. */
export class GenerationIterator implements BaseIterator {
  valueBytes: Uint8Array = NO_BYTES
  valueStart = 0
  valueEnd = 0
  readonly #scans: readonly GenerationScan[]
  readonly #more: boolean[] = []
  readonly #reverse: boolean
  #left: number
  /** The one that is shown; -1 before the first entry. */
  #at = -1

  constructor(scans: readonly GenerationScan[], reverse: boolean, limit: number) {
    this.#scans = scans
    this.#reverse = reverse
    this.#left = limit
  }

  next(): boolean {
    if (this.#left <= 0) return this.#end()
    this.#left--
    if (this.#at < 0) for (const { entries } of this.#scans) this.#more.push(entries.next())
    else this.#more[this.#at] = (this.#scans[this.#at] as GenerationScan).entries.next()
    let best = -1
    for (let i = 0; i < this.#scans.length; i++) {
      if (this.#more[i] === true && (best < 0 || this.#isBefore(i, best))) best = i
    }
    if (best < 0) return this.#end()
    this.#at = best
    this.#show(this.#scans[best] as GenerationScan)
    return true
  }

  #isBefore(a: number, b: number): boolean {
    const order = compareKeys(this.#keyOf(a), this.#keyOf(b))
    return this.#reverse ? order > 0 : order < 0
  }

  #keyOf(at: number): Uint8Array {
    return (this.#scans[at] as GenerationScan).entries.key
  }

  #show({ entries, converter }: GenerationScan): void {
    if (converter === null) {
      this.valueBytes = entries.valueBytes
      this.valueStart = entries.valueStart
      this.valueEnd = entries.valueEnd
      return
    }
    converter.convert(entries.valueBytes, entries.valueStart, entries.valueEnd)
    this.valueBytes = converter.bytes
    this.valueStart = 0
    this.valueEnd = converter.end
  }

  #end(): boolean {
    this.close()
    return false
  }

  get key(): Uint8Array {
    return this.#keyOf(this.#at)
  }

  close(): void {
    this.#left = 0
    for (const { entries } of this.#scans) entries.close()
  }
}
