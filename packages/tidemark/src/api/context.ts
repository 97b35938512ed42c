import type { DeepReadonly } from '../serde/deep-readonly.ts'
import type { Duration } from './duration.ts'
import type { Headers, KeyOf, ValueOf } from './message.ts'
import type { AnyRemoteTable, RemoteTable, RemoteTableDef } from './remote-table.ts'
import type { CounterStore, ListStore, SessionStore, SetStore, VersionedStore } from './more-stores.ts'
import type { CounterDef, KvDef, ListDef, SessionDef, SetDef, StoreDef, VersionedDef, WindowsDef } from './store-def.ts'
import type { KeyValueStore, WindowStore } from './stores.ts'
import type { AnyStream } from './stream.ts'
import type { AnyTimer, TimerDef } from './timer.ts'

/** What a task declares: the `io` constant of a class, or the first properties of a TaskJob. */
export interface TaskIo {
  readonly inputs: Readonly<Record<string, AnyStream>>
  readonly outputs?: Readonly<Record<string, AnyStream>>
  readonly stores?: Readonly<Record<string, StoreDef>>
  readonly timers?: Readonly<Record<string, AnyTimer>>
  readonly tables?: Readonly<Record<string, AnyRemoteTable>>
}

/** One part of a TaskIo; empty when it declares none. */
export type PartOf<Io extends TaskIo, P extends keyof TaskIo> = Io extends { readonly [N in P]: infer D }
  ? D
  : // oxlint-disable-next-line typescript/no-generated-empty-object-type -- what a task does not declare has no members
    Record<never, never>

/** A store as a task uses it. */
export type StoreOf<D> =
  D extends KvDef<infer K, infer V>
    ? KeyValueStore<K, V>
    : D extends WindowsDef<infer K, infer V>
      ? WindowStore<K, V>
      : D extends SessionDef<infer K, infer V>
        ? SessionStore<K, V>
        : D extends VersionedDef<infer K, infer V>
          ? VersionedStore<K, V>
          : D extends CounterDef<infer K, infer N>
            ? CounterStore<K, N>
            : D extends ListDef<infer K, infer V>
              ? ListStore<K, V>
              : D extends SetDef<infer K, infer V>
                ? SetStore<K, V>
                : never

export interface SendOptions {
  /** Ms since 1970; without it the time of the message (or timer) that is handled. */
  readonly timestamp?: number
  readonly headers?: Headers
  /** Without it the partition follows from the key, as Kafka's default does. */
  readonly partition?: number
}

/** Puts a message into an output; it is encoded at once, and seen by others with the task's next commit. */
export type Send<K, V> = (key: K, value: V | DeepReadonly<V>, options?: SendOptions) => void

/** Timers of one kind: at most one per key. They are part of the task's state. */
export interface TimerHandle<in K> {
  /** Sets (or moves) the key's timer to fire at a time, ms since 1970. */
  set(key: K, timeMs: number): void
  delete(key: K): void
}

/** A remote table as a task uses it. */
export type RemoteTableOf<D> = D extends RemoteTableDef<infer K, infer V> ? RemoteTable<K, V> : never

type KeyOfTimer<D> = D extends TimerDef<infer K> ? K : never

/** Figures of a job's own, by name; each task's are added up (counters) or listed (gauges). */
export interface Metrics {
  /** Adds to a counter (1 by default). */
  counter(name: string, add?: number): void
  gauge(name: string, value: number): void
}

/** Lines for people, with fields for machines. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** What a task can reach: `Context<typeof io>`. */
export type Context<Io extends TaskIo> = TaskContext<
  PartOf<Io, 'stores'>,
  PartOf<Io, 'outputs'>,
  PartOf<Io, 'timers'>,
  PartOf<Io, 'tables'>
>

/** A Context by its parts, so that two tasks that declare the same have the same type. */
// oxlint-disable-next-line typescript/no-generated-empty-object-type -- what a task does not declare has no members
export interface TaskContext<S, O, T, R = Record<never, never>> {
  readonly stores: { readonly [N in keyof S]: StoreOf<S[N]> }
  readonly send: { readonly [N in keyof O]: Send<KeyOf<O[N]>, ValueOf<O[N]>> }
  readonly timers: { readonly [N in keyof T]: TimerHandle<KeyOfTimer<T[N]>> }
  /** Remote tables: asynchronous, so that a handler that uses them is. */
  readonly tables: { readonly [N in keyof R]: RemoteTableOf<R[N]> }
  /** The clock, ms since 1970: the same for all messages of one batch. */
  readonly now: () => number
  /** A random number in [0, 1), from the task's own seeded source. */
  readonly random: () => number
  readonly metrics: Metrics
  readonly log: Log
  /** Asks for a commit after the message that is handled now. */
  readonly commit: () => void
  /** Aborted when the task is to stop. */
  readonly signal: AbortSignal
  /** The task's index: it owns this partition of every input and store. */
  readonly task: number
  /** Waits; rejects when the task is to stop. */
  readonly sleep: (duration: Duration) => Promise<void>
}
