import { TidemarkError } from '../errors/error.ts'
import { assertReadable, dataShape } from './descriptor.ts'
import type { StoreDescriptor, StoreSpec } from './types.ts'
import type { ValueUpgrade } from './value-upgrade.ts'

/*
 * A base knows a store by a name, and what it holds under that name was all written under one declaration: a generation
 * of the store. A store that is declared otherwise (another version of its values, another name) goes on in a new
 * generation, and the entries of the older ones move there a few at a time. Each key is in one of them.
 *
 * A generation's descriptor has the name that the base knows it by, and, where that is not the store's, `of`: the store.
 */

/** The store that a base's entries under a descriptor belong to. */
export function storeOf(descriptor: StoreDescriptor): string {
  return descriptor.of ?? descriptor.name
}

/** By store: its generations, oldest first. */
export class Generations {
  readonly #byStore = new Map<string, StoreDescriptor[]>()
  readonly #names = new Set<string>()
  /** Names that stores had when they were written, to those they have now. */
  readonly #renamed = new Map<string, string>()
  readonly #task: string

  /** `base`: the descriptors of a base. */
  constructor(base: readonly StoreDescriptor[], task: string) {
    this.#task = task
    for (const descriptor of base) {
      this.#of(storeOf(descriptor)).push(descriptor)
      this.#names.add(descriptor.name)
    }
  }

  #of(store: string): StoreDescriptor[] {
    const there = this.#byStore.get(store)
    if (there !== undefined) return there
    const none: StoreDescriptor[] = []
    this.#byStore.set(store, none)
    return none
  }

  /**
   * A declaration that data was written under, in the order of time, the present one last: the store has a generation of
   * it then, the newest, and what was kept under the name that it is renamed from. ERR_STORE_MISMATCH: both names have
   * data.
   */
  add(declared: StoreDescriptor): void {
    const { name, renamedFrom } = declared
    if (renamedFrom !== undefined) this.#rename(renamedFrom, name)
    const generations = this.#of(name)
    const at = generations.findIndex((each) => dataShape(each) === dataShape(declared))
    // The retention and the like may have changed.
    if (at >= 0) generations[at] = named(declared, (generations[at] as StoreDescriptor).name)
    else generations.push(named(declared, this.#newName(declared, generations)))
  }

  #rename(from: string, to: string): void {
    const before = this.#byStore.get(from)
    if (before === undefined || before.length === 0) return
    if (this.#of(to).length > 0) throw bothThere(from, to, this.#task)
    this.#byStore.set(
      to,
      before.map((each) => named({ ...each, name: to }, each.name)),
    )
    this.#byStore.delete(from)
    for (const [name, now] of this.#renamed) if (now === from) this.#renamed.set(name, to)
    this.#renamed.set(from, to)
    this.#renamed.delete(to)
  }

  #newName({ name, valueVersion }: StoreDescriptor, older: readonly StoreDescriptor[]): string {
    const numbered = `${name}~${valueVersion}`
    let made = older.some((each) => each.name.startsWith(`${name}~`)) ? numbered : name
    for (let more = 0; this.#names.has(made); more++) made = more === 0 ? numbered : `${numbered}.${more}`
    this.#names.add(made)
    return made
  }

  /** What the store is called now that was called so when it was written. */
  nameOf(written: string): string {
    return this.#renamed.get(written) ?? written
  }

  of(store: string): readonly StoreDescriptor[] {
    return this.#byStore.get(store) ?? []
  }

  stores(): string[] {
    return [...this.#byStore.keys()]
  }
}

function named({ of: _, renamedFrom: __, ...declared }: StoreDescriptor, name: string): StoreDescriptor {
  return name === declared.name ? declared : { ...declared, name, of: declared.name }
}

function bothThere(from: string, to: string, task: string): TidemarkError {
  return new TidemarkError(
    'ERR_STORE_MISMATCH',
    `store ${to} of task ${task} is declared as renamed from ${from}, but both names have data. Take renamedFrom out to ` +
      `go on with ${to}, run the job once, and drop the other with: tidemark state drop ${from}`,
    { details: { store: to, renamedFrom: from, task } },
  )
}

/** The generations of a store that a job declares: the one that is written, and those that its values are upgraded from. */
export interface DeclaredGenerations {
  readonly current: StoreDescriptor
  readonly older: readonly OlderGeneration[]
}

export interface OlderGeneration {
  readonly descriptor: StoreDescriptor
  /** Null: the entries are as those of the current one. */
  readonly upgrade: ValueUpgrade | null
}

/** ERR_STORE_MISMATCH when one of them cannot be read as the store is declared. */
export function declaredGenerations(
  spec: StoreSpec,
  declared: StoreDescriptor,
  generations: Generations,
  task: string,
): DeclaredGenerations {
  const all = generations.of(declared.name)
  const current = all.find((each) => dataShape(each) === dataShape(declared)) as StoreDescriptor
  const older = all
    .filter((each) => each !== current)
    .map((descriptor) => ({ descriptor, upgrade: assertReadable(spec, declared, descriptor, task) }))
  return { current, older }
}
