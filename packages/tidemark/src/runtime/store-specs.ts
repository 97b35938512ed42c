import type { TopologyNode } from '../dsl/topology.ts'
import { bytes as bytesSerde } from '../serde/bytes.ts'
import { float64 } from '../serde/numbers.ts'
import { uint } from '../serde/uint.ts'
import type { StoreSpec } from '../store/types.ts'

/** Every store that a job's tasks keep, internal ones (names with `$`) included. */
export function storeSpecs(nodes: readonly TopologyNode[]): StoreSpec[] {
  const specs = new Map<string, StoreSpec>()
  const add = (spec: StoreSpec): void => void specs.set(spec.name, spec)
  for (const node of nodes) {
    if (node.op === 'aggregate') {
      add(readByKey(node.store))
      if (node.window !== null) add(pendingSpec(node.store.name, node.store.renamedFrom))
    } else if (node.op === 'table') add(readByKey(node.store))
    else if (node.op === 'task') {
      for (const store of Object.values(node.task.stores)) add(store)
      if (Object.keys(node.task.timers).length > 0) add(timerSpec(node.name))
    }
  }
  return [...specs.values()]
}

/**
 * A store that its operator reads by whole keys only: ranges are for queries, which prepare them, and for the removal of
 * expired windows.
 */
function readByKey(store: StoreSpec): StoreSpec {
  return store.kind === 'windows' ? { ...store, fetched: false } : { ...store, ranged: false }
}

/** The store in which a windowed aggregate keeps which windows have changed since they were last emitted. */
export function pendingSpec(store: string, renamedFrom?: string): StoreSpec {
  return {
    ...(renamedFrom === undefined ? {} : { renamedFrom: `$pending.${renamedFrom}` }),
    name: `$pending.${store}`,
    kind: 'kv',
    key: bytesSerde() as StoreSpec['key'],
    value: uint() as StoreSpec['value'],
    retentionMs: null,
    windowSizeMs: null,
  }
}

/** The store in which a task keeps its timers: part of its state, so that they survive and are exactly as committed. */
export function timerSpec(node: string): StoreSpec {
  return {
    name: `$timers.${node}`,
    kind: 'kv',
    key: bytesSerde() as StoreSpec['key'],
    value: float64() as StoreSpec['value'],
    retentionMs: null,
    windowSizeMs: null,
  }
}
