import { positiveDurationMs } from '../api/duration.ts'
import { kv } from '../api/store-def.ts'
import { clockOf, decodeCheckpoint } from '../checkpoint/record.ts'
import { taskProducer } from '../checkpoint/lineage.ts'
import { type Clock, systemClock } from '../clock/clock.ts'
import { SteadyClock } from '../clock/steady-clock.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { assertEngine } from '../engines/registry.ts'
import { openTaskBase } from '../engines/open-task-base.ts'
import { TidemarkError } from '../errors/error.ts'
import { LogHost } from '../log/embedded/log-host.ts'
import { ThreadLogPort } from '../log/embedded/thread-log-port.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { GuardedStore } from '../runtime/guarded-store.ts'
import { MOST_VALUE_BYTES, whole } from '../runtime/settings.ts'
import { stateDirectory } from '../runtime/state-directory.ts'
import { CacheBudget } from '../store/cache-budget.ts'
import { describe } from '../store/descriptor.ts'
import { KeyValueStore as TypedStore } from '../store/kv-store.ts'
import { openTaskState } from '../store/open.ts'
import type { StoreSpec, TaskState } from '../store/types.ts'
import type { OpenedStore, OpenStoreOptions } from './open-store.ts'
import { StoreCommits } from './store-commits.ts'

const CACHE_BYTES = 64 * 1024 * 1024

/** What `openStore` does. */
export async function openAlone<K, V>(options: OpenStoreOptions<K, V>): Promise<OpenedStore<K, V>> {
  const spec = specOf(options)
  const everyMs =
    options.checkpointEvery === undefined
      ? null
      : positiveDurationMs(options.checkpointEvery, `store ${spec.name}, checkpointEvery`)
  assertEngine(options.engine ?? 'lsm', `store ${spec.name}`)
  assertSizes(options, spec.name)
  const host = await LogHost.start({ directory: options.dir, job: jobOf(spec.name) })
  const port = new ThreadLogPort(host.port())
  const close = async (): Promise<void> => {
    port.close()
    await host.close()
  }
  try {
    const opened = await openState(options, spec, host)
    const clock = new SteadyClock(systemClock, opened.state.clock.processingMs)
    const commits = new StoreCommits({
      ...opened,
      name: spec.name,
      port,
      clock,
      logFailure: host.failure,
      onWarning: options.onWarning ?? (() => undefined),
    })
    return new AloneStore<K, V>({ state: opened.state, spec, commits, clock, everyMs, close })
  } catch (error) {
    // What went wrong is what is told, and not what closing has to say about it.
    await close().catch(() => undefined)
    throw error
  }
}

function assertSizes(
  options: Pick<OpenStoreOptions<never, never>, 'cacheBytes' | 'recentMaxBytes' | 'maxValueBytes'>,
  name: string,
): void {
  const { cacheBytes = 0, recentMaxBytes = 1, maxValueBytes = 1 } = options
  whole(`store ${name}, cacheBytes`, cacheBytes, 0, 2 ** 40)
  whole(`store ${name}, recentMaxBytes`, recentMaxBytes, 1, 2 ** 30)
  whole(`store ${name}, maxValueBytes`, maxValueBytes, 1, MOST_VALUE_BYTES)
}

/** The log knows a store alone as the only task of a job that no job can be named as. */
function jobOf(store: string): string {
  return `store ${store}`
}

function specOf<K, V>({ name, key, value, ttl }: OpenStoreOptions<K, V>): StoreSpec {
  if (ttl === undefined) return kv(name, { key, value })
  return kv(name, { key, value, ttl: { after: ttl, time: 'processing' } })
}

type Opened = Pick<ConstructorParameters<typeof StoreCommits>[0], 'state' | 'producer' | 'lastDeltaId'>

async function openState<K, V>(options: OpenStoreOptions<K, V>, spec: StoreSpec, host: LogHost): Promise<Opened> {
  const { engine = 'lsm', dir, onWarning, recentMaxBytes, maxValueBytes, cacheBytes = CACHE_BYTES } = options
  const name = taskProducer(jobOf(spec.name), 1, 0)
  const before = await host.producer(name)
  const base = await openTaskBase({
    disk: nodeDisk,
    directory: stateDirectory(dir, 0, 1),
    cache: new BlockCache({ capacityBytes: cacheBytes }),
    cacheBytes,
    choice: { engine, stores: {} },
    stores: [spec.name],
  })
  try {
    const deltas = before === undefined ? [] : await host.deltas(name, base.id)
    const record = before === undefined || before.id === 0 ? null : decodeCheckpoint(before.checkpoint, name)
    const state = openTaskState({
      task: name,
      specs: [spec],
      base,
      deltas,
      id: before?.id ?? 0,
      lastDeltaId: record?.lastDeltaId ?? 0,
      cache: new CacheBudget(cacheBytes),
      nowMs: () => systemClock.monotonicMs(),
      ...(record === null ? {} : { clock: clockOf(record) }),
      ...(recentMaxBytes === undefined ? {} : { flushThresholdBytes: recentMaxBytes }),
      ...(maxValueBytes === undefined ? {} : { limits: { maxValueBytes } }),
      ...(onWarning === undefined || options.development !== true ? {} : { onWarning }),
    })
    // Last: a claim says what the store is now, and a store that cannot be opened as that must stay what it was.
    return { state, producer: await host.claim(name, metaOf(spec, engine)), lastDeltaId: record?.lastDeltaId ?? 0 }
  } catch (error) {
    base.close()
    throw error
  }
}

function metaOf(spec: StoreSpec, engine: string): string {
  return JSON.stringify({ job: jobOf(spec.name), task: 0, tasks: 1, stores: [describe(spec)], planHash: '', engine })
}

interface AloneOptions {
  readonly state: TaskState
  readonly spec: StoreSpec
  readonly commits: StoreCommits
  readonly clock: Clock
  readonly everyMs: number | null
  /** Closes the log. */
  readonly close: () => Promise<void>
}

class AloneStore<K, V> extends TypedStore<K, V> implements OpenedStore<K, V> {
  readonly #options: AloneOptions
  readonly #gate: StoreGate
  readonly #timer: NodeJS.Timeout | null
  #closing: Promise<void> | null = null

  constructor(options: AloneOptions) {
    const { state, spec, commits, clock, everyMs } = options
    const gate = new StoreGate(spec, state, commits, clock)
    super(new GuardedStore(state.store(spec.name), gate))
    this.#options = options
    this.#gate = gate
    this.#timer = everyMs === null ? null : setInterval(() => void this.checkpoint().catch(() => undefined), everyMs)
    this.#timer?.unref()
  }

  get checkpointId(): number {
    return this.#options.commits.id
  }

  async checkpoint(): Promise<void> {
    this.#gate.check()
    await this.#options.commits.checkpoint()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { commits, state, close } = this.#options
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#gate.open = false
    try {
      if (commits.failure === null) {
        await commits.checkpoint()
        await commits.flush()
      }
    } finally {
      await commits.settled()
      state.close()
      await close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Lets calls through to a store that is open and works, and tells it the time if it has a TTL. */
class StoreGate {
  open = true
  readonly #spec: StoreSpec
  readonly #state: TaskState
  readonly #commits: StoreCommits
  readonly #clock: Clock
  readonly #timed: boolean

  constructor(spec: StoreSpec, state: TaskState, commits: StoreCommits, clock: Clock) {
    this.#spec = spec
    this.#state = state
    this.#commits = commits
    this.#clock = clock
    this.#timed = spec.ttl !== undefined && spec.ttl !== null
  }

  check(): void {
    const { failure } = this.#commits
    if (failure !== null) throw failure
    if (!this.open) {
      const { name } = this.#spec
      throw new TidemarkError('ERR_STORE_CLOSED', `store ${name} was used after it had been closed. Open it again`, {
        details: { store: name },
      })
    }
    if (this.#timed) this.#state.clock.sampleProcessing(this.#clock.now())
  }
}
