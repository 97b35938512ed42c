import assert from 'node:assert/strict'
import type { Base, Steps, StoreDescriptor } from '../store/types.ts'
import {
  type BaseModel,
  bytesOf,
  type Change,
  type HexEntries,
  readBase,
  scanBase,
  settle,
  sortedChanges,
} from './base-model.ts'

/** An engine to be tested. All of its bases are in directories that it names by itself. */
export interface BaseUnderTest {
  /** For the names of the cases. */
  readonly name: string
  /** A directory that was not used before; it need not exist. */
  place(): string
  /** Opens the base in a directory, as `EngineDefinition.open` does. `readOnly`: beside the owner, which may be writing. */
  open(place: string, readOnly: boolean): Base | Promise<Base>
  /** What a process that died now would leave of a directory, in another one: a copy of its files. */
  crash(place: string): string | Promise<string>
}

/** What a case works with: bases that are closed at its end, whatever comes. */
export class ConformanceBench {
  readonly under: BaseUnderTest
  readonly #open: Base[] = []

  constructor(under: BaseUnderTest) {
    this.under = under
  }

  async open(place: string, readOnly = false): Promise<Base> {
    const base = await this.under.open(place, readOnly)
    this.#open.push(base)
    return base
  }

  close(): void {
    for (const base of this.#open) base.close()
  }
}

export type CaseBody = (bench: ConformanceBench) => Promise<void>

/** A store, as a job may declare it. */
export function descriptor(name: string): StoreDescriptor {
  return {
    name,
    kind: 'kv',
    key: 'string',
    keyVersion: 1,
    value: 'bytes',
    valueVersion: 1,
    discipline: 'copied',
    retentionMs: null,
    windowSizeMs: null,
  }
}

export const DESCRIPTORS: readonly StoreDescriptor[] = [descriptor('a'), descriptor('b')]

/** Writes changes of the stores `a` and `b`, to the base and to the model. */
export function writing(base: Base, id: number, a: readonly Change[], b: readonly Change[] = []): Steps {
  return base.write(id, DESCRIPTORS, [sortedChanges('a', a), ...(b.length === 0 ? [] : [sortedChanges('b', b)])])
}

export async function write(
  base: Base,
  model: BaseModel,
  id: number,
  a: readonly Change[],
  b: readonly Change[] = [],
): Promise<void> {
  await settle(writing(base, id, a, b))
  model.apply('a', a)
  model.apply('b', b)
}

/** The base holds exactly what the model does, by scans both ways and key by key. */
export function assertSame(base: Base, model: BaseModel, when: string): void {
  for (const store of model.stores()) {
    const entries = model.scan(store)
    assertEntries(scanBase(base, store), entries, `${when}: store ${store}, forward`)
    assertEntries(scanBase(base, store, { reverse: true }), entries.toReversed(), `${when}: store ${store}, reverse`)
    for (const [key, value] of entries) {
      assert.equal(readBase(base, store, Buffer.from(key, 'hex')), value, `${when}: store ${store}, key ${key}`)
    }
  }
}

/** `deepEqual` explains a difference well, and takes long where there is none. */
function assertEntries(actual: HexEntries, expected: HexEntries, what: string): void {
  const same = (entry: HexEntries[number], i: number): boolean =>
    entry[0] === expected[i]?.[0] && entry[1] === expected[i]?.[1]
  if (actual.length !== expected.length || !actual.every(same)) assert.deepEqual(actual, expected, what)
}

/** `count` changes with keys in no order. */
export function someChanges(count: number, round: number, deleteEvery = 0): Change[] {
  return Array.from({ length: count }, (_, i) => ({
    key: bytesOf(`key-${(i * 7919) % count}`),
    value: deleteEvery > 0 && i % deleteEvery === 0 ? null : bytesOf(`value-${round}-${i}`),
  }))
}

/** In any order. */
export function assertDescriptors(base: Base, expected: readonly StoreDescriptor[]): void {
  const byName = (a: StoreDescriptor, b: StoreDescriptor): number => (a.name < b.name ? -1 : 1)
  assert.deepEqual(base.descriptors.toSorted(byName), expected.toSorted(byName))
}
