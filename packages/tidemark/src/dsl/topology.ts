import type { AnyRemoteTable } from '../api/remote-table.ts'
import type { StreamDef } from '../api/stream.ts'
import type { StoreDef } from '../api/store-def.ts'
import type { TaskDef } from '../api/task.ts'
import type { Serde } from '../serde/serde.ts'

/**
 * What a job means, as immutable data: nodes in order, each after its inputs. Functions are the user's own. The builder
 * (dsl/) makes it, the planner puts the repartitions in, `tidemark plan` prints it, the runtime makes operators of it.
 */
export interface Topology {
  readonly job: string
  readonly nodes: readonly TopologyNode[]
}

/** A message as callbacks see it; the value is the flow's own first argument. */
export type ValueFn = (value: unknown, message: unknown) => unknown

export type TopologyNode =
  | SourceNode
  | MapNode
  | FilterNode
  | FlatMapNode
  | RekeyNode
  | RepartitionNode
  | AggregateNode
  | SinkNode
  | TableNode
  | LookupNode
  | ForEachNode
  | TaskNode

interface NodeBase {
  /** Index in `nodes`. */
  readonly id: number
  /** Stable, unique name: the user's, or made from the operator and its place among those of its kind (`filter-2`). */
  readonly name: string
}

export interface SourceNode extends NodeBase {
  readonly op: 'source'
  readonly stream: StreamDef<unknown, unknown>
}

export interface MapNode extends NodeBase {
  readonly op: 'map'
  readonly input: number
  readonly fn: ValueFn
}

export interface FilterNode extends NodeBase {
  readonly op: 'filter'
  readonly input: number
  readonly fn: ValueFn
}

/** The function returns an iterable of values; each goes on under the same key, timestamp and message. */
export interface FlatMapNode extends NodeBase {
  readonly op: 'flatMap'
  readonly input: number
  readonly fn: ValueFn
}

/** Sets the key (groupBy). The planner follows it with a repartition, so that the runtime sees it only before one. */
export interface RekeyNode extends NodeBase {
  readonly op: 'rekey'
  readonly input: number
  readonly fn: ValueFn
  /** Encodes the new key: the user's, or that of the store that follows, or a string. */
  readonly key: Serde<unknown>
  /** Encodes the values for the repartition, if the user gave it; else the planner chooses. */
  readonly value: Serde<unknown> | null
}

/**
 * Sends the flow through an intermediate stream, by the murmur2 hash of its key, and takes it up again in the task that
 * owns the key's partition. `stream.value` encodes the flow's values; `raw` says that the values are still the source's
 * own bytes, which then pass through undecoded.
 */
export interface RepartitionNode extends NodeBase {
  readonly op: 'repartition'
  readonly input: number
  readonly stream: StreamDef<unknown, unknown>
  readonly raw: boolean
  /** Records go through as they came: with their headers, and those without a key too. */
  readonly whole?: boolean
}

export interface WindowSpec {
  readonly kind: 'tumbling'
  readonly sizeMs: number
  readonly graceMs: number
}

/**
 * Keyed state: value = add(value ?? init(key), message value). reduce has no init: a key's first value stands for itself.
 * The input flows by its key already: it comes from a source, a repartition or another aggregate, through steps that keep
 * the key. Without a window each update goes downstream as the new
 * value under the key; with one, a row {key, window, value} goes downstream when the window closes (watermark >= end +
 * grace), or, if it changed since, when the input ends.
 */
export interface AggregateNode extends NodeBase {
  readonly op: 'aggregate'
  readonly input: number
  readonly store: StoreDef
  readonly window: WindowSpec | null
  /** count: the built-in counter, which never looks at the value. */
  readonly kind: 'count' | 'reduce' | 'aggregate'
  readonly init: ((key: unknown) => unknown) | null
  readonly add: ((accumulated: unknown, value: unknown, message: unknown) => unknown) | null
  /** When updates go on; always `update` with a window, whose rows go on when it closes. */
  readonly emit: Emit
}

/** `update`: each update of an aggregate goes on. `commit`: with each commit, the last one of each key. */
export type Emit = 'update' | 'commit'

export interface SinkNode extends NodeBase {
  readonly op: 'sink'
  readonly input: number
  readonly stream: StreamDef<unknown, unknown>
}

/**
 * Keeps the latest value of each key in a store; a null value deletes. A windows store takes rows {key, window, value}:
 * row.value goes under the flow's key and row.window. A kv store takes values as they are, under the flow's key.
 */
export interface TableNode extends NodeBase {
  readonly op: 'table'
  readonly input: number
  readonly store: StoreDef
}

/**
 * Asks a remote table for a key of the message and goes on with what the function makes of the answer. Many messages ask
 * at once; their results go on in the order in which they came.
 */
export interface LookupNode extends NodeBase {
  readonly op: 'lookup'
  readonly input: number
  readonly table: AnyRemoteTable
  /** The key to ask for; null or undefined: nothing is asked. */
  readonly key: ValueFn
  readonly join: (value: unknown, found: unknown, message: unknown) => unknown
}

export interface ForEachNode extends NodeBase {
  readonly op: 'forEach'
  readonly input: number
  readonly fn: ValueFn
}

/**
 * A low-level task. It stands alone: its streams and stores are those of `task`, and no source or sink nodes are made for
 * them. A topology with a task node has no other nodes.
 */
export interface TaskNode extends NodeBase {
  readonly op: 'task'
  readonly task: TaskDef
}
