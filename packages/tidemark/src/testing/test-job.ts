import type { ErrorPolicy } from '../api/app.ts'
import { type Duration, durationMs } from '../api/duration.ts'
import type { Job } from '../api/job.ts'
import type { Headers } from '../api/message.ts'
import type {
  CounterDef,
  KvDef,
  ListDef,
  SessionDef,
  SetDef,
  StoreDef,
  VersionedDef,
  WindowsDef,
} from '../api/store-def.ts'
import type { RemoteTableDef } from '../api/remote-table.ts'
import type { StreamDef } from '../api/stream.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import type { KeyValueReader } from '../store/kv-store.ts'
import type { WindowReader } from '../store/window-store.ts'
import type { TestCounters, TestLists, TestSessions, TestSets, TestVersions } from './test-store.ts'
import type { TestTable } from './test-table.ts'
import { TestHarness } from './test-harness.ts'

export interface TestJobOptions {
  /** Partitions of streams that declare none (default 1: results come in order). */
  readonly partitions?: number
  /** The clock's start, ms since 1970 (default 0). */
  readonly startMs?: number
  readonly onError?: ErrorPolicy
  /** Seed of the job's `random` (default 1). */
  readonly seed?: number
}

/** A message of a stream, as `messages` gives it. */
export interface TestMessage<K, V> {
  readonly key: K | null
  readonly value: DeepReadonly<V> | null
  readonly timestamp: number
  readonly partition: number
  readonly offset: bigint
  readonly headers: Headers
}

/**
 * A job under test: the real tasks, state, commit protocol and log, on a disk in memory, on this thread, with no clock
 * but `advance`. Everything that was sent is processed and committed when a call returns; for asynchronous handlers
 * await `settled()` first. What a handler throws comes out of the call that sent the message.
 *
 * Where serdes get something from elsewhere before they are used (schemas of a registry), await `settled()` once before
 * anything else (ERR_SERDE).
 */
export interface TestJob {
  /** Puts a message into an input stream. The timestamp defaults to the stream's `time` of the value, else the clock. */
  send<K, V>(
    stream: StreamDef<K, V>,
    key: K | null,
    value: V | null,
    options?: { readonly timestamp?: number; readonly headers?: Headers },
  ): void
  /** Moves the clock and event time (the newest event time so far) forward; timers fire, windows close. */
  advance(duration: Duration): void
  /** Says that all inputs have ended: pending windows are emitted, `endOfStream` handlers run. */
  end(): void
  /** Values of a stream so far, in order of partition and offset. */
  values<K, V>(stream: StreamDef<K, V>): DeepReadonly<V>[]
  messages<K, V>(stream: StreamDef<K, V>): TestMessage<K, V>[]
  /** Committed content of a store. */
  store<K, V>(store: KvDef<K, V>): TestStore<KeyValueReader<K, V>>
  store<K, V>(store: WindowsDef<K, V>): TestStore<WindowReader<K, V>>
  store<K, V>(store: SessionDef<K, V>): TestSessions<K, V>
  store<K, V>(store: VersionedDef<K, V>): TestVersions<K, V>
  store<K, N extends number | bigint>(store: CounterDef<K, N>): TestCounters<K, N>
  store<K, V>(store: ListDef<K, V>): TestLists<K, V>
  store<K, V>(store: SetDef<K, V>): TestSets<K, V>
  /** What stands for a remote table. */
  table<K, V>(table: RemoteTableDef<K, V>): TestTable<K, V>
  /** Kills the job without a commit, loses what the disk had not synced, and goes on from the last checkpoint. */
  crash(): void
  /** Waits for what serdes need before they are used, and for asynchronous handlers; then commits. */
  settled(): Promise<void>
  /** Records that were dropped, that were put aside as dead letters, and that were late, so far. */
  readonly dropped: number
  readonly deadLettered: number
  readonly late: number
  close(): void
}

/** A store of all tasks together: `get` goes to the task that has the key. */
export type TestStore<R> =
  R extends KeyValueReader<infer K, infer V>
    ? Pick<KeyValueReader<K, V>, 'get' | 'has'> & { entries(): { key: K; value: DeepReadonly<V> }[] }
    : R extends WindowReader<infer K, infer V>
      ? Pick<WindowReader<K, V>, 'get'> & {
          entries(): { key: K; window: { start: number; end: number }; value: DeepReadonly<V> }[]
        }
      : never

/** Makes a test of a job. See TestJob. */
export function testJob(job: Job, options: TestJobOptions = {}): TestJob {
  const harness = new TestHarness(job, options)
  return {
    send: (stream, key, value, more) =>
      harness.send(stream as unknown as StreamDef<unknown, unknown>, key, value, more ?? {}),
    advance: (duration) => harness.advance(durationMs(duration, 'advance')),
    end: () => harness.end(),
    values: (stream) => harness.messages(stream as never).map((m) => m.value) as never,
    messages: (stream) => harness.messages(stream as never) as never,
    store: (store: StoreDef) => harness.store(store) as never,
    table: (table) => harness.table(table),
    crash: () => harness.crash(),
    settled: () => harness.settled(),
    get dropped() {
      return harness.dropped
    },
    get deadLettered() {
      return harness.deadLettered
    },
    get late() {
      return harness.late
    },
    close: () => harness.close(),
  }
}
