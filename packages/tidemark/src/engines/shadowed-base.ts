import type { Disk } from '../disk/disk.ts'
import { invariant } from '../errors/error.ts'
import type { LsmBase } from '../lsm/lsm-base.ts'
import type { RetainedState } from '../lsm/retained.ts'
import type { BaseStatistics } from '../store/base-statistics.ts'
import type {
  Base,
  BaseIterator,
  BaseTime,
  ByteRange,
  KeyBatch,
  SortedStore,
  Steps,
  StoreDescriptor,
} from '../store/types.ts'
import { discardShadow, isComplete } from './shadow-files.ts'
import type { ShadowFailpoint } from './shadow-failpoints.ts'
import { FILL_ENTRIES, ShadowFill } from './shadow-fill.ts'

export interface ShadowedBaseOptions {
  /** What keeps the stores: an engine, or several under one base. */
  readonly main: Base
  readonly disk: Disk
  /** Where the shadow is, or would be. */
  readonly directory: string
  /** Opens the shadow, which is made if there is none. */
  readonly openShadow: () => LsmBase
  /** The shadow that is there; null if there is none yet. */
  readonly shadow: LsmBase | null
  /** Every write goes to the shadow too. Otherwise it is brought up only when a checkpoint is to be kept. */
  readonly follow: boolean
  /** Entries that are compared in one write, while the shadow is brought up. */
  readonly fillEntries?: number
  readonly failpoint: (name: ShadowFailpoint) => void
}

/**
 * Engines that keep the newest state only, with a shadow: the same stores in sorted files, which are written and merged but
 * not read by the task. From it checkpoints are kept, uploaded and read, as those of `lsm` are.
 *
 * A write goes to the shadow first, and to the engines when it is durable there. So a shadow that has an id is never behind
 * them; after a crash between the two it is ahead, `id` is that of the engines, and the deltas after it are written to both
 * again, with the same values (as by SplitBase). While a shadow lacks something it has the id 0, the state of no checkpoint.
 */
export class ShadowedBase implements Base {
  readonly directory: string
  /** False: nothing is kept but what is asked for, since each time costs reading the whole state. */
  readonly follows: boolean
  readonly #options: ShadowedBaseOptions
  readonly #main: Base
  #shadow: LsmBase | null
  #fill: ShadowFill | null = null
  /** A checkpoint is going to be kept. */
  #wanted = false

  constructor(options: ShadowedBaseOptions) {
    this.#options = options
    this.#main = options.main
    this.#shadow = options.shadow
    this.directory = options.directory
    this.follows = options.follow
    if (this.follows) this.#shadow ??= options.openShadow()
    this.#discardIfUseless()
  }

  get id(): number {
    return this.#main.id
  }

  get newestId(): number {
    return Math.max(this.#main.newestId ?? this.#main.id, this.#shadow?.id ?? 0)
  }

  get descriptors(): readonly StoreDescriptor[] {
    return this.#main.descriptors
  }

  get valueBytes(): Uint8Array {
    return this.#main.valueBytes
  }

  get valueStart(): number {
    return this.#main.valueStart
  }

  get valueEnd(): number {
    return this.#main.valueEnd
  }

  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    return this.#main.get(store, key, start, end, hash)
  }

  scan(store: string, range: ByteRange): BaseIterator {
    return this.#main.scan(store, range)
  }

  prefetch(store: string, keys: KeyBatch): Promise<void> | null {
    return this.#main.prefetch?.(store, keys) ?? null
  }

  /** The shadow holds what the engines hold, so that a checkpoint can be kept. */
  get ready(): boolean {
    return this.#shadow !== null && isComplete(this.#shadow, this.#main)
  }

  /** A checkpoint is going to be kept: writes bring the shadow up until `ready`, and keep it up until it is not wanted. */
  want(wanted: boolean): void {
    this.#wanted = wanted
    if (wanted) this.#shadow ??= this.#options.openShadow()
    else this.#discardIfUseless()
  }

  *write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    const shadow = this.#shadow
    if (shadow !== null) {
      if (!this.follows && !this.#wanted) yield* this.#leave(shadow)
      else if (!(yield* this.#writeShadow(shadow, id, descriptors, stores))) return
      for (const { cursor } of stores) cursor.rewind?.()
    }
    yield* this.#main.write(id, descriptors, stores)
  }

  /** False if that was all that there was to do. */
  *#writeShadow(
    shadow: LsmBase,
    id: number,
    descriptors: readonly StoreDescriptor[],
    stores: readonly SortedStore[],
  ): Steps<boolean> {
    for (const { name, cursor } of stores) {
      invariant(cursor.rewind !== undefined, `the entries of store ${name} can be read twice`)
    }
    const complete = this.ready || (yield* this.#fillSome(shadow, descriptors))
    // What only brings the shadow up is none of the engines' business.
    if (!complete && stores.length === 0) return this.#main.wantsWrite === true
    this.#options.failpoint('shadow-before-write')
    yield* shadow.write(complete ? id : 0, descriptors, stores)
    this.#options.failpoint('shadow-after-write')
    return true
  }

  /** True when the shadow then holds all that the engines hold. */
  *#fillSome(shadow: LsmBase, descriptors: readonly StoreDescriptor[]): Steps<boolean> {
    this.#fill ??= new ShadowFill(this.#main, shadow, this.#options.fillEntries ?? FILL_ENTRIES)
    if (shadow.stalled) {
      // It waits for merges, and not the task.
      if (shadow.wantsWrite) yield* shadow.write(0, descriptors, [])
      else yield new Promise((resolve) => setImmediate(resolve))
      return false
    }
    this.#options.failpoint('shadow-before-batch')
    yield* this.#fill.next(descriptors)
    this.#options.failpoint('shadow-after-batch')
    if (!this.#fill.ended) return false
    this.#fill = null
    return true
  }

  /** The engines go on alone: from here on the shadow is not their state. What it keeps of the past stays. */
  *#leave(shadow: LsmBase): Steps {
    this.#fill = null
    if (shadow.id === 0) return
    this.#options.failpoint('shadow-before-stale')
    yield* shadow.write(0, shadow.descriptors, [])
    this.#options.failpoint('shadow-after-stale')
  }

  /** Keeps the state of now. The caller has asked for it by `want`, and has flushed until `ready`. */
  retain(id: number, createdAtMs: number): void {
    const shadow = this.#shadow
    invariant(shadow !== null && this.ready, `the shadow in ${this.directory} holds the state that is kept`)
    shadow.retain(id, createdAtMs)
  }

  release(id: number): void {
    this.#shadow?.release(id)
    this.#discardIfUseless()
  }

  retained(): RetainedState[] {
    return this.#shadow?.retained() ?? []
  }

  #discardIfUseless(): void {
    const shadow = this.#shadow
    if (shadow === null || this.follows || this.#wanted || shadow.retained().length > 0) return
    const { disk, directory, failpoint } = this.#options
    failpoint('shadow-before-discard')
    shadow.close()
    this.#shadow = null
    this.#fill = null
    discardShadow(disk, directory)
    failpoint('shadow-after-discard')
  }

  expire(store: string, beforeEndMs: number): void {
    this.#main.expire?.(store, beforeEndMs)
    this.#shadow?.expire(store, beforeEndMs)
  }

  /** Its shadow drops windows as whole files, also where the engine waits for each to be deleted. */
  hearsOfWindows(): boolean {
    return this.#shadow !== null
  }

  keepsTogether(store: string, other: string): boolean {
    return this.#main.keepsTogether?.(store, other) ?? true
  }

  expiredBefore(store: string): number | null {
    return this.#main.expiredBefore?.(store) ?? null
  }

  dropsWindows(store: string): boolean {
    return this.#main.dropsWindows?.(store) ?? false
  }

  advance(time: BaseTime): void {
    this.#main.advance?.(time)
    this.#shadow?.advance(time)
  }

  get stalled(): boolean {
    return this.#main.stalled === true || (this.follows && this.ready && this.#shadow?.stalled === true)
  }

  get wantsWrite(): boolean {
    if (this.#main.wantsWrite === true) return true
    const shadow = this.#shadow
    if (shadow === null || !(this.follows || this.#wanted)) return false
    return shadow.wantsWrite || (!this.ready && !shadow.stalled)
  }

  approximateCount(store: string): number {
    return this.#main.approximateCount(store)
  }

  /** Of the engines; `shadow` tells the rest. */
  statistics(): BaseStatistics {
    const main = this.#main.statistics()
    if (this.#shadow === null) return main
    const { files, bytes, writes } = this.#shadow.statistics()
    return { ...main, shadow: { files, bytes, ready: this.ready, ...(writes === undefined ? {} : { writes }) } }
  }

  close(): void {
    this.#shadow?.close()
    this.#main.close()
  }
}
