import type { StoreDef } from '../api/store-def.ts'
import { type AnyStream, eraseStream, isStream } from '../api/stream.ts'
import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'
import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import { uint } from '../serde/uint.ts'
import { fallbackKey } from './fallback-key.ts'
import { NameTable } from './name-table.ts'
import type { AggregateNode, RekeyNode, SourceNode, Topology, TopologyNode } from './topology.ts'

/** A store that a pipeline asked for by name only: its serdes follow from where it stands. */
export interface NamedStore {
  readonly name: string
  /** The user's value serde, if any. */
  readonly value: Serde<unknown> | null
}

/** Nodes as they are collected: keys of groupBy and stores by name are settled in `finish`, when all is known. */
export type RekeyDraft = Omit<RekeyNode, 'key' | 'id' | 'name'> & {
  readonly key: Serde<unknown> | null
  readonly name: string | null
}
export type AggregateDraft = Omit<AggregateNode, 'store' | 'id' | 'name'> & { readonly store: StoreDef | NamedStore }
type Plain = Exclude<TopologyNode, RekeyNode | AggregateNode>
type PlainDraft = Plain extends infer N ? (N extends Plain ? Omit<N, 'id' | 'name'> : never) : never

type Collected =
  | Plain
  | (Omit<RekeyDraft, 'name'> & { readonly id: number; readonly name: string })
  | (AggregateDraft & { readonly id: number; readonly name: string })

/** Collects the nodes of one job while its pipeline function runs. */
export class TopologyBuilder {
  readonly job: string
  readonly #nodes: Collected[] = []
  readonly #ordinals = new Map<string, number>()
  #finished = false

  constructor(job: string) {
    this.job = job
  }

  /** The node that reads a stream: one for each stream. */
  source(stream: AnyStream): number {
    this.assertStream(stream, 'job.from')
    const known = this.#nodes.find((node) => node.op === 'source' && node.stream === eraseStream(stream))
    return known?.id ?? this.add({ op: 'source', stream: eraseStream(stream) }, 'from')
  }

  add(node: PlainDraft, step: string): number {
    return this.#push({ ...node, id: this.#nodes.length, name: this.#place(step) })
  }

  addRekey(node: RekeyDraft): number {
    return this.#push({ ...node, id: this.#nodes.length, name: node.name ?? this.#place('groupBy') })
  }

  addAggregate(node: AggregateDraft): number {
    return this.#push({ ...node, id: this.#nodes.length, name: this.#place(node.kind) })
  }

  #push(node: Collected): number {
    if (this.#finished) {
      throw new TidemarkError(
        'ERR_JOB_DEFINITION',
        `job ${this.job}: ${node.name} was added after the pipeline function had returned. Build all of it inside`,
      )
    }
    this.#nodes.push(node)
    return node.id
  }

  #place(step: string): string {
    const ordinal = (this.#ordinals.get(step) ?? 0) + 1
    this.#ordinals.set(step, ordinal)
    return `${step}-${ordinal}`
  }

  assertStream(stream: unknown, step: string): void {
    if (isStream(stream)) return
    throw new TidemarkError(
      'ERR_JOB_DEFINITION',
      `job ${this.job}: ${step} got ${showValue(stream)}: pass what stream('name', { key, value }) returned`,
    )
  }

  /** The topology, checked and frozen. */
  finish(): Topology {
    this.#finished = true
    const keys = new Map<number, Serde<unknown>>()
    for (const node of this.#nodes) if (node.op === 'rekey') keys.set(node.id, this.#keyOfRekey(node))
    const nodes: TopologyNode[] = []
    for (const node of this.#nodes) {
      if (node.op === 'rekey') nodes.push(Object.freeze({ ...node, key: keys.get(node.id) as Serde<unknown> }))
      else if (node.op === 'aggregate') nodes.push(Object.freeze({ ...node, store: this.#settle(node, nodes) }))
      else nodes.push(Object.freeze(node))
    }
    const topology = Object.freeze({ job: this.job, nodes: Object.freeze(nodes) })
    new NameTable(this.job).addTopology(topology)
    return topology
  }

  #keyOfRekey(node: {
    readonly id: number
    readonly name: string
    readonly key: Serde<unknown> | null
  }): Serde<unknown> {
    if (node.key !== null) return node.key
    for (const next of this.#nodes) {
      if (next.op === 'aggregate' && next.input === node.id && 'of' in next.store) return next.store.key
    }
    return fallbackKey(this.job, node.name)
  }

  #settle(node: AggregateDraft, before: readonly TopologyNode[]): StoreDef {
    if ('of' in node.store) return node.store
    const { name, value } = node.store
    const own =
      node.kind === 'count'
        ? erase(uint())
        : (value ?? (node.kind === 'reduce' ? valueSerdeOf(before, node.input) : null))
    return Object.freeze({
      of: 'store' as const,
      name,
      kind: node.window === null ? ('kv' as const) : ('windows' as const),
      key: keySerdeOf(before, node.input),
      value: own ?? json(),
      retentionMs: null,
      retentionGiven: node.window === null,
      windowSizeMs: null,
    })
  }
}

function erase<T>(serde: Serde<T>): Serde<unknown> {
  return serde as unknown as Serde<unknown>
}

/** The serde of a flow's key after a node. */
export function keySerdeOf(nodes: readonly TopologyNode[], id: number): Serde<unknown> {
  let node = nodes[id] as TopologyNode
  for (;;) {
    if (node.op === 'rekey') return node.key
    if (node.op === 'source' || node.op === 'repartition') return node.stream.key
    node = nodes[(node as Exclude<TopologyNode, SourceNode | { op: 'task' }>).input] as TopologyNode
  }
}

/** The serde that a flow's values still have after a node; null when a step made new ones. */
export function valueSerdeOf(nodes: readonly TopologyNode[], id: number): Serde<unknown> | null {
  let node = nodes[id] as TopologyNode
  for (;;) {
    if (node.op === 'source' || node.op === 'repartition') return node.stream.value
    if (node.op === 'aggregate') return node.window === null ? node.store.value : null
    if (node.op !== 'filter' && node.op !== 'rekey') return null
    node = nodes[node.input] as TopologyNode
  }
}
