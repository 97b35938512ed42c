import type { StoreEntry } from '../api/app.ts'
import { TidemarkError } from '../errors/error.ts'
import type { StoreDescriptor } from '../store/types.ts'
import { NO_VALUE } from '../serde/stored.ts'
import { specWithSerdes } from '../store/descriptor.ts'
import { serdeOrBytes } from './known-serde.ts'
import type { RawEntry, ScanOptions, StoreView } from './store-view.ts'

/** A key whose value differs between two moments. */
export type StateChange = Pick<StoreEntry, 'key' | 'window' | 'atMs' | 'index'> &
  (
    | { readonly change: 'added'; readonly after: unknown }
    | { readonly change: 'changed'; readonly before: unknown; readonly after: unknown }
    | { readonly change: 'removed'; readonly before: unknown }
  )

/**
 * What changed in a store from one moment to another, in order of keys, as a merge of the two: memory does not grow with
 * the store. Both views must have been opened with `rawValues`. A value counts as changed when its bytes have.
 * `options.limit` counts changes. ERR_STORE_MISMATCH when the store was declared otherwise then.
 */
export function* diffStores(
  before: StoreView,
  after: StoreView,
  options: Omit<ScanOptions, 'reverse'> = {},
): Generator<StateChange, void> {
  assertComparable(before.descriptor, after.descriptor)
  const { limit = Number.POSITIVE_INFINITY, ...range } = options
  const olds = before.rawEntries(range)
  const news = after.rawEntries(range)
  try {
    let given = 0
    let old = olds.next()
    let young = news.next()
    while (given < limit && (old.done !== true || young.done !== true)) {
      const order = compare(old, young)
      const change = changeAt(order, old, young, after)
      if (order <= 0) old = olds.next()
      if (order >= 0) young = news.next()
      if (change === null) continue
      given++
      yield change
    }
  } finally {
    olds.return()
    news.return()
  }
}

type Step = IteratorResult<RawEntry, void>

/** Which of the two comes first; the end comes last. */
function compare(old: Step, young: Step): number {
  if (old.done === true) return 1
  return young.done === true ? -1 : Buffer.compare(old.value.key, young.value.key)
}

function changeAt(order: number, old: Step, young: Step, view: StoreView): StateChange | null {
  const entry = (order <= 0 ? old.value : young.value) as RawEntry
  const before = order <= 0 ? ((old.value as RawEntry).value as Uint8Array) : null
  const after = order >= 0 ? ((young.value as RawEntry).value as Uint8Array) : null
  if (before !== null && after !== null && Buffer.compare(before, after) === 0) return null
  const { value: _value, ...place } = view.entryOf(entry.key, null)
  const { value: serde, kind } = specWithSerdes(view.descriptor, serdeOrBytes)
  const read = (bytes: Uint8Array): unknown => {
    if (kind === 'set') return view.entryOf(entry.key, null).value
    const value = serde.read(bytes, 0, bytes.length)
    return value === NO_VALUE ? null : value
  }
  if (before === null) return { change: 'added', ...place, after: read(after as Uint8Array) }
  if (after === null) return { change: 'removed', ...place, before: read(before) }
  return { change: 'changed', ...place, before: read(before), after: read(after) }
}

function assertComparable(before: StoreDescriptor, after: StoreDescriptor): void {
  const shape = ({ kind, key, keyVersion, value, valueVersion, windowSizeMs }: StoreDescriptor): string =>
    `${kind} of ${key} v${keyVersion} to ${value} v${valueVersion}${windowSizeMs === null ? '' : `, windows of ${windowSizeMs} ms`}`
  if (shape(before) === shape(after)) return
  throw new TidemarkError(
    'ERR_STORE_MISMATCH',
    `store ${after.name} is ${shape(after)}, and was ${shape(before)}: the two cannot be compared`,
    { details: { store: after.name } },
  )
}
