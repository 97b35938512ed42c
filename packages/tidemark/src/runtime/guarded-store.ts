import type { ChangeCursor } from '../store/change-cursor.ts'
import type { ByteRange, KeyBatch, RawIterator, RawStore, StoreSpec } from '../store/types.ts'
import type { Gate } from './scope.ts'

/** A store that can be used only while its context is open. */
export class GuardedStore implements RawStore {
  readonly spec: StoreSpec
  readonly #store: RawStore
  readonly #gate: Pick<Gate, 'check'>

  constructor(store: RawStore, gate: Pick<Gate, 'check'>) {
    this.spec = store.spec
    this.#store = store
    this.#gate = gate
  }

  get(bytes: Uint8Array, start: number, end: number): unknown {
    this.#gate.check()
    return this.#store.get(bytes, start, end)
  }

  put(bytes: Uint8Array, start: number, end: number, value: unknown): void {
    this.#gate.check()
    this.#store.put(bytes, start, end, value)
  }

  delete(bytes: Uint8Array, start: number, end: number): void {
    this.#gate.check()
    this.#store.delete(bytes, start, end)
  }

  getCommitted(bytes: Uint8Array, start: number, end: number): unknown {
    this.#gate.check()
    return this.#store.getCommitted(bytes, start, end)
  }

  range(range: ByteRange): RawIterator {
    this.#gate.check()
    return this.#store.range(range)
  }

  rangeCommitted(range: ByteRange): RawIterator {
    this.#gate.check()
    return this.#store.rangeCommitted(range)
  }

  approximateCount(): number {
    this.#gate.check()
    return this.#store.approximateCount()
  }

  changes(): ChangeCursor {
    this.#gate.check()
    return this.#store.changes()
  }

  prefetch(keys: KeyBatch): Promise<void> | null {
    return this.#store.prefetch(keys)
  }

  get wantsTouch(): boolean {
    return this.#store.wantsTouch
  }

  touch(hashes: Int32Array, count: number): void {
    this.#store.touch(hashes, count)
  }

  get wantsPrefetch(): boolean {
    return this.#store.wantsPrefetch
  }

  locate(bytes: Uint8Array, start: number, end: number, hash?: number): boolean {
    this.#gate.check()
    return this.#store.locate(bytes, start, end, hash)
  }

  current(): unknown {
    return this.#store.current()
  }

  replace(value: unknown): void {
    this.#gate.check()
    this.#store.replace(value)
  }

  remove(): void {
    this.#gate.check()
    this.#store.remove()
  }

  expireWindows(beforeEndMs: number): boolean {
    return this.#store.expireWindows?.(beforeEndMs) ?? false
  }

  get windowsExpiredMs(): number {
    return this.#store.windowsExpiredMs ?? Number.NEGATIVE_INFINITY
  }

  get stamp(): number {
    return this.#store.stamp
  }
}
