import { dataShape } from '../store/descriptor.ts'
import { storeOf } from '../store/generations.ts'
import type { ClockReading } from '../store/task-clock.ts'
import type { Base, ByteRange, StoreDescriptor } from '../store/types.ts'
import { cannotMove, type OwnerOf, ownerOf, type StoreRule } from './rescale-owner.ts'

/** One task before. */
export interface OldState {
  readonly task: number
  /** Only read, and not written by others meanwhile. */
  readonly base: Base
  /** What time it was there for entries with a TTL. */
  readonly clock: ClockReading
}

/** Entries of one store that were written under one declaration: where they are, and what they become. */
export interface MovedStore {
  readonly descriptor: StoreDescriptor
  /** The tasks that have such entries, and their own names for them. */
  readonly sources: readonly { readonly state: OldState; readonly name: string }[]
  readonly before: number
  readonly after: number
  readonly owner: OwnerOf
}

/**
 * What is to be moved. Tasks may have the same entries under different names (see store/generations.ts), since each one
 * moves to a new version of a store's values by itself: here each version of a store has one name. A store of the runtime's
 * own that is empty in all tasks is left out. ERR_STORE_RESCALE if two tasks do not agree on how its keys are spread.
 */
export function movedStores(states: readonly OldState[], ruleOf: (store: StoreDescriptor) => StoreRule): MovedStore[] {
  const moved: MovedStore[] = []
  const names = new Set<string>()
  for (const [store, forms] of formsOf(states)) {
    for (const sources of forms) {
      const [first] = sources
      if (first === undefined || (store.startsWith('$') && !sources.some(holdsEntries))) continue
      assertSameSpread(store, sources)
      const { before, after, messageKey } = ruleOf(first.descriptor)
      const descriptor = renamed(first.descriptor, store, nameFor(store, first.descriptor, names))
      moved.push({ descriptor, sources, before, after, owner: ownerOf(first.descriptor, messageKey) })
    }
  }
  return moved
}

interface Source {
  readonly state: OldState
  readonly name: string
  readonly descriptor: StoreDescriptor
}

/** By store: for each form that its data has, oldest first, the tasks that have data of it. */
function formsOf(states: readonly OldState[]): Map<string, Source[][]> {
  const found = new Map<string, Map<string, Source[]>>()
  for (const state of states) {
    for (const descriptor of state.base.descriptors) {
      const store = storeOf(descriptor)
      const forms = found.get(store) ?? new Map<string, Source[]>()
      const shape = dataShape(descriptor)
      forms.set(shape, [...(forms.get(shape) ?? []), { state, name: descriptor.name, descriptor }])
      found.set(store, forms)
    }
  }
  return new Map([...found].map(([store, forms]) => [store, oldestFirst([...forms.values()])]))
}

function oldestFirst(forms: Source[][]): Source[][] {
  const version = (sources: readonly Source[]): number => sources[0]?.descriptor.valueVersion ?? 0
  return forms.sort((a, b) => version(a) - version(b))
}

function assertSameSpread(store: string, sources: readonly Source[]): void {
  const spreads = new Set(sources.map(({ descriptor }) => descriptor.partitionBy ?? 'identity'))
  if (spreads.size < 2) return
  throw cannotMove(
    store,
    `its tasks have it with different partitionBy: ${[...spreads].join(' and ')}`,
    'Run the job with its present code until all tasks have committed, then take another savepoint',
  )
}

function nameFor(store: string, descriptor: StoreDescriptor, taken: Set<string>): string {
  let name = descriptor.name
  for (let more = 0; taken.has(name); more++) {
    name = `${store}~${descriptor.valueVersion}${more === 0 ? '' : `.${more}`}`
  }
  taken.add(name)
  return name
}

function renamed({ of: _, ...descriptor }: StoreDescriptor, store: string, name: string): StoreDescriptor {
  return name === store ? { ...descriptor, name } : { ...descriptor, name, of: store }
}

const FIRST: ByteRange = { from: null, to: null, reverse: false, limit: 1 }

function holdsEntries({ state, name }: Source): boolean {
  const entries = state.base.scan(name, FIRST)
  try {
    return entries.next()
  } finally {
    entries.close()
  }
}
