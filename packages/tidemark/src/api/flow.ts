import type { DeepReadonly } from '../serde/deep-readonly.ts'
import type { Serde } from '../serde/serde.ts'
import type { MessageInfo, Row } from './message.ts'
import type { RemoteTableDef } from './remote-table.ts'
import type { KvDef, KvSink, WindowsDef, WindowsSink } from './store-def.ts'
import type { Sink, StreamDef } from './stream.ts'
import type { WindowDef } from './window.ts'

/** What a step gave, refused with the reason if it is a promise. */
export type Sync<U> = U extends PromiseLike<unknown> ? 'this step is synchronous: use mapAsync' : U

type SyncBoolean<R> = R extends boolean
  ? R
  : R extends PromiseLike<unknown>
    ? 'this step is synchronous: use mapAsync'
    : boolean

/** A pipeline that ends somewhere: in a stream, a table, an aggregate or a function. */
export interface Pipeline {
  readonly '~end': 'it ends'
}

/** Messages on their way: what `from` and most steps give. It is immutable; several steps may follow one flow. */
export interface Flow<K, V> extends Steps<K, V> {
  readonly '~end': 'this pipeline has no end: add .to, .forEach, .toTable or an aggregate'
}

/** An aggregate: its updates (or the rows of its closed windows) flow on, and it may also be a pipeline's end. */
export interface Aggregate<K, V> extends Steps<K, V>, Pipeline {}

/** Serdes and name of a groupBy. */
export interface GroupByOptions<G, V, S> {
  /** How keys become bytes. Without it: as in the store of the aggregate, else strings. */
  readonly key?: Serde<G>
  /** How values become bytes on their way to the key's task. Without it: the source's own bytes, else JSON. */
  readonly value?: [V] extends [DeepReadonly<S>] ? Serde<S> : never
  /** Names the step, and with it the intermediate stream, for good. Without it: `groupBy-1` and so on. */
  readonly name?: string
}

/** The steps that a flow has. Callbacks get the value and what else the message has. */
export interface Steps<K, V> {
  map<U>(fn: (value: V, message: MessageInfo<K>) => Sync<U>): Flow<K, U>
  /** Keeps the values for which the function is true; a type guard narrows the flow. */
  filter<W extends V = V>(fn: (value: V, message: MessageInfo<K>) => value is W): Flow<K, W>
  filter<R>(fn: (value: V, message: MessageInfo<K>) => SyncBoolean<R>): Flow<K, V>
  /** Any number of values for each. */
  flatMap<U>(fn: (value: V, message: MessageInfo<K>) => Iterable<U>): Flow<K, U>
  /**
   * Joins each value with what a remote table holds for a key of it: `undefined` where there is nothing, or no key. Many
   * messages ask at once, in batches; results go on in the order of the messages, and a commit waits for those under way.
   */
  lookup<TK, TV, U>(
    table: RemoteTableDef<TK, TV>,
    key: (value: V, message: MessageInfo<K>) => Sync<NoInfer<TK> | null | undefined>,
    join: (value: V, found: DeepReadonly<TV> | undefined, message: MessageInfo<K>) => Sync<U>,
  ): Flow<K, U>
  /** Sets the key, and brings all messages of one key to one task, through an intermediate stream. */
  groupBy<G, S = V>(key: (value: V, message: MessageInfo<K>) => Sync<G>, options?: GroupByOptions<G, V, S>): Group<G, V>
  /** Groups by the key that messages have: nothing moves. */
  groupByKey(): Group<K, V>
  /** Sends each value to a stream, under the flow's key and time. */
  to(stream: Sink<K, V>): Pipeline
  /**
   * Keeps the latest value of each key in a store; null deletes. Rows of a windowed aggregate go to a windows store, which
   * keeps each row's value under its key and window, or whole to a kv store.
   */
  toTable(store: KvSink<K, NonNullable<V>> | WindowsOf<K, V>): Pipeline
  /** Calls a function for each value: at least once, and again after a crash. */
  forEach<R>(fn: (value: V, message: MessageInfo<K>) => Sync<R>): Pipeline
}

type WindowsOf<K, V> = V extends Row<infer _K, infer R> ? WindowsSink<K, NonNullable<R>> : never

/** How an aggregate adds up. */
export interface AggregateSpec<K, V, A> {
  /** The value that a key starts with. */
  readonly init: (key: K) => A
  readonly add: (accumulated: DeepReadonly<A>, value: V, message: MessageInfo<K>) => NoInfer<A | DeepReadonly<A>>
  /** How values become bytes, for a store given by name (default: JSON). */
  readonly value?: Serde<A>
}

export interface EmitOptions {
  /**
   * When updates of an aggregate without a window go on. `update`, the default: each of them. `commit`: with each commit the
   * last one of each key that has changed, under the time of the newest message; what lies between is never seen.
   */
  readonly emit?: 'update' | 'commit'
}

/** Messages grouped by key, before an aggregate. Stores are given as values, or by name if they are never queried. */
export interface Group<K, V> {
  readonly '~end': 'this group leads nowhere: add .count, .reduce or .aggregate'
  count(store: string | KvSink<K, number>, options?: EmitOptions): Aggregate<K, number>
  /** Adds up values of one type: the first value of a key stands for itself. */
  reduce(
    store: string | KvSink<K, V>,
    add: (accumulated: V, value: V, message: MessageInfo<K>) => NoInfer<V>,
    options?: EmitOptions,
  ): Aggregate<K, V>
  aggregate<A, SK = K>(
    store: string | (KvDef<SK, A> & KvSink<K, DeepReadonly<NoInfer<A>>>),
    spec: AggregateSpec<K, V, A> & EmitOptions,
  ): Aggregate<K, DeepReadonly<A>>
  window(window: WindowDef): WindowedGroup<K, V>
}

/** As Group, for each window of time: rows flow on when a window closes. */
export interface WindowedGroup<K, V> {
  readonly '~end': 'this group leads nowhere: add .count, .reduce or .aggregate'
  count(store: string | WindowsSink<K, number>): Aggregate<K, Row<K, number>>
  reduce(
    store: string | WindowsSink<K, V>,
    add: (accumulated: V, value: V, message: MessageInfo<K>) => NoInfer<V>,
  ): Aggregate<K, Row<K, V>>
  aggregate<A, SK = K>(
    store: string | (WindowsDef<SK, A> & WindowsSink<K, DeepReadonly<NoInfer<A>>>),
    spec: AggregateSpec<K, V, A>,
  ): Aggregate<K, Row<K, DeepReadonly<A>>>
}

/** What a pipeline starts with. */
export interface JobBuilder {
  /** Reads a stream. Twice the same stream is read once. */
  from<K, V>(stream: StreamDef<K, V>): Flow<K, DeepReadonly<V>>
}

/** A job as steps: an expression that ends, or a block with several ends. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- a block with several ends returns nothing
export type PipelineFunction = (job: JobBuilder) => Pipeline | void
