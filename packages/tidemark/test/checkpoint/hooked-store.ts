import type { ObjectSource, ObjectStore, Written } from '../../src/checkpoint/object-store.ts'

export type StoreCall = Exclude<keyof ObjectStore, 'where' | 'close'>

type Hook = (call: () => Promise<unknown>) => Promise<unknown>

/** A store that counts what goes through it, and lets a test do something at the next call of a kind. */
export class HookedStore implements ObjectStore {
  /** Bytes of objects that were written, and read. */
  writtenBytes = 0
  readBytes = 0
  readonly calls: { readonly kind: StoreCall; readonly name: string }[] = []
  readonly #inner: ObjectStore
  readonly #hooks = new Map<StoreCall, Hook>()

  constructor(inner: ObjectStore) {
    this.#inner = inner
  }

  get where(): string {
    return this.#inner.where
  }

  /** Does something before the next call of a kind. */
  before(kind: StoreCall, act: () => Promise<unknown>): void {
    const next = this.#hooks.get(kind)
    this.instead(kind, async (call) => {
      await act()
      return next === undefined ? call() : next(call)
    })
  }

  /** Does something once the next call of a kind is done, in addition to what was asked for before. */
  after(kind: StoreCall, act: () => Promise<unknown>): void {
    const next = this.#hooks.get(kind)
    this.instead(kind, async (call) => {
      const result = await (next === undefined ? call() : next(call))
      await act()
      return result
    })
  }

  /** Replaces the next call of a kind. */
  instead(kind: StoreCall, hook: Hook): void {
    this.#hooks.set(kind, hook)
  }

  #call<T>(kind: StoreCall, name: string, call: () => Promise<T>): Promise<T> {
    this.calls.push({ kind, name })
    const hook = this.#hooks.get(kind)
    this.#hooks.delete(kind)
    return hook === undefined ? call() : (hook(call) as Promise<T>)
  }

  put(name: string, source: ObjectSource): Promise<Written> {
    this.writtenBytes += source.kind === 'bytes' ? source.bytes.length : source.sizeBytes
    return this.#call('put', name, () => this.#inner.put(name, source))
  }

  putIfAbsent(name: string, bytes: Uint8Array, temporary: string): Promise<boolean> {
    this.writtenBytes += bytes.length
    return this.#call('putIfAbsent', name, () => this.#inner.putIfAbsent(name, bytes, temporary))
  }

  async get(name: string): Promise<Uint8Array | null> {
    const bytes = await this.#call('get', name, () => this.#inner.get(name))
    this.readBytes += bytes?.length ?? 0
    return bytes
  }

  async getRange(name: string, start: number, length: number): Promise<Uint8Array | null> {
    const bytes = await this.#call('getRange', name, () => this.#inner.getRange(name, start, length))
    this.readBytes += bytes?.length ?? 0
    return bytes
  }

  fetch(name: string, path: string, onBytes?: (bytes: number) => void): Promise<void> {
    return this.#call('fetch', name, () => this.#inner.fetch(name, path, onBytes))
  }

  size(name: string): Promise<number | null> {
    return this.#call('size', name, () => this.#inner.size(name))
  }

  list(prefix: string): Promise<string[]> {
    return this.#call('list', prefix, () => this.#inner.list(prefix))
  }

  delete(name: string): Promise<void> {
    return this.#call('delete', name, () => this.#inner.delete(name))
  }

  dropUnfinished(prefix: string, choose: (name: string) => boolean): Promise<string[]> {
    return this.#call('dropUnfinished', prefix, () => this.#inner.dropUnfinished(prefix, choose))
  }

  close(): void {
    this.#inner.close()
  }
}
