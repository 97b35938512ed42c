import type { RemotePolicy } from '../api/remote-policy.ts'
import { eraseTable } from '../api/remote-table.ts'
import type { Plan, PlannedStream, PlannedTable } from './plan.ts'
import type { PartitionerName } from '../hash/partitioners.ts'
import type { StoreKind, StoreTtl } from '../store/types.ts'
import type { Emit, TopologyNode } from './topology.ts'

/** A plan as data for other programs: `tidemark plan --json`. Serdes go by name, functions are left out. */
export interface PlanJson {
  readonly job: string
  readonly hash: string
  readonly tasks: number
  readonly inputs: readonly StreamJson[]
  readonly intermediates: readonly StreamJson[]
  readonly steps: readonly StepJson[]
  readonly stores: readonly StoreJson[]
  readonly tables: readonly TableJson[]
  readonly outputs: readonly OutputJson[]
  readonly warnings: readonly string[]
}

export interface StreamJson {
  readonly name: string
  readonly partitions: number
  readonly key: string
  readonly value: string
  readonly outOfOrderMs: number
  readonly partitioner: PartitionerName | 'unknown' | 'function'
}

export interface StepJson {
  readonly name: string
  readonly op: TopologyNode['op']
  /** The name of the step before. */
  readonly input: string | null
  readonly stream: string | null
  readonly store: string | null
  /** Of a repartition: values pass undecoded. */
  readonly raw: boolean | null
  readonly window: { readonly kind: 'tumbling'; readonly sizeMs: number; readonly graceMs: number } | null
  /** Of an aggregate without a window: when its updates go on. */
  readonly emit: Emit | null
}

export interface StoreJson {
  readonly name: string
  readonly kind: StoreKind
  readonly key: string
  readonly value: string
  readonly by: string
  readonly windowSizeMs: number | null
  readonly retentionMs: number | null
  readonly gapMs: number | null
  readonly ttl: StoreTtl | null
  readonly partitionBy: 'identity' | 'opaque' | 'function'
}

/** A remote table. Writes happen at least once, and nothing fences them. */
export interface TableJson {
  readonly name: string
  readonly place: string
  readonly key: string
  readonly value: string
  readonly by: readonly string[]
  readonly access: 'read' | 'read-write'
  readonly guarantee: 'at-least-once' | null
  readonly fenced: boolean | null
  readonly policy: Omit<RemotePolicy, 'retry'> & { readonly retry: Omit<RemotePolicy['retry'], 'when'> }
}

export interface OutputJson {
  readonly name: string
  readonly to: 'stream' | 'file' | 'stdout' | 'forEach'
  readonly path: string | null
  readonly partitions: number | null
  readonly guarantee: 'exactly-once' | 'at-least-once'
}

export function planJson(plan: Plan): PlanJson {
  return {
    job: plan.job,
    hash: plan.hash,
    tasks: plan.tasks,
    inputs: plan.inputs.map(streamJson),
    intermediates: plan.intermediates.map(streamJson),
    steps: plan.topology.nodes.map((node) => stepJson(node, plan.topology.nodes)),
    stores: plan.stores.map(({ name, store, by }) => ({
      name,
      kind: store.kind,
      key: store.key.name,
      value: store.value.name,
      by,
      windowSizeMs: store.windowSizeMs,
      retentionMs: store.retentionMs,
      gapMs: store.gapMs ?? null,
      ttl: store.ttl ?? null,
      partitionBy: typeof store.partitionBy === 'function' ? 'function' : (store.partitionBy ?? 'identity'),
    })),
    tables: plan.tables.map(tableJson),
    outputs: plan.outputs.map(({ name, to, path, partitions, guarantee }) => ({
      name,
      to,
      path,
      partitions,
      guarantee,
    })),
    warnings: plan.warnings,
  }
}

function tableJson({ name, table, by, access }: PlannedTable): TableJson {
  const { when: _, ...retry } = table.policy.retry
  const { key, value } = eraseTable(table)
  const writes = access === 'read-write'
  return {
    name,
    place: table.place,
    key: key.name,
    value: value.name,
    by,
    access,
    guarantee: writes ? 'at-least-once' : null,
    fenced: writes ? false : null,
    policy: { ...table.policy, retry },
  }
}

function streamJson({ name, stream, partitions }: PlannedStream): StreamJson {
  const { key, value, outOfOrderMs, partitioner } = stream
  const by = typeof partitioner === 'function' ? 'function' : partitioner
  return { name, partitions, key: key.name, value: value.name, outOfOrderMs, partitioner: by }
}

function stepJson(node: TopologyNode, nodes: readonly TopologyNode[]): StepJson {
  return {
    name: node.name,
    op: node.op,
    input: 'input' in node ? (nodes[node.input] as TopologyNode).name : null,
    stream: 'stream' in node ? node.stream.name : null,
    store: 'store' in node ? node.store.name : null,
    raw: node.op === 'repartition' ? node.raw : null,
    window: node.op === 'aggregate' ? node.window : null,
    emit: node.op === 'aggregate' && node.window === null ? node.emit : null,
  }
}
