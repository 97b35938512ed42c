import type { Clock } from '../../clock/clock.ts'
import type { Disk, DiskFile } from '../../disk/disk.ts'
import { openEngine } from '../../engines/engine.ts'
import { type Engine } from '../../engines/registry.ts'
import { BlockCache } from '../../lsm/block-cache.ts'
import type { Compactor } from '../../lsm/compaction.ts'
import { runWaiting } from '../../lsm/open-files.ts'
import { bytes } from '../../serde/bytes.ts'
import { CacheBudget } from '../../store/cache-budget.ts'
import { openTaskState } from '../../store/open.ts'
import type { RawStore, StateStatistics, StoreSpec, TaskState } from '../../store/types.ts'

export interface BenchStateOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly directory: string
  readonly engine: Engine
  /** Of the engine, or the blocks of `lsm`. */
  readonly cacheBytes: number
  /** Of decoded values above the engine: the smaller it is, the more the engine shows. */
  readonly valueCacheBytes: number
  /** Changes that are held in memory before they go to the engine. */
  readonly flushBytes: number
  readonly compactor: Compactor
}

const MERGES_MS = 300_000

const SPEC: StoreSpec = {
  name: 'bench',
  kind: 'kv',
  key: bytes() as unknown as StoreSpec['key'],
  value: bytes() as unknown as StoreSpec['value'],
  retentionMs: null,
  windowSizeMs: null,
}

/**
 * One task's state on an engine, committed as in a job: each commit encodes the changes, appends them to a file and syncs
 * it; what is committed goes to the engine in larger portions.
 */
export class BenchState {
  readonly store: RawStore
  readonly #state: TaskState
  readonly #journal: DiskFile
  readonly #clock: Clock
  #journalBytes = 0

  constructor(state: TaskState, journal: DiskFile, clock: Clock) {
    this.#state = state
    this.#journal = journal
    this.#clock = clock
    this.store = state.store(SPEC.name)
  }

  get statistics(): StateStatistics {
    return this.#state.statistics()
  }

  /** Commits what was written, and takes part in flushing and waiting as a task would. */
  async commit(): Promise<void> {
    const state = this.#state
    if (state.dirty) {
      const frozen = state.freeze(state.id + 1)
      const delta = await runWaiting(state.delta(frozen))
      if (delta !== null) {
        this.#journal.write(delta, this.#journalBytes)
        this.#journalBytes += delta.length
        await this.#journal.syncLater()
      }
      await runWaiting(state.commit(frozen))
    }
    if (state.wantsFlush || state.mustFlush) await runWaiting(state.flush())
    // What was flushed is in the engine: the journal may start again, as the log's does.
    if (state.recentBytes === 0) this.#journalBytes = 0
    while (state.stalled) {
      await this.#clock.sleep(1)
      if (state.mustFlush) await runWaiting(state.flush())
    }
  }

  /** Commits and writes all that is in memory to the engine, and lets merges that are under way come in. */
  async settle(): Promise<void> {
    await this.commit()
    await runWaiting(this.#state.flush())
    const untilMs = this.#clock.monotonicMs() + MERGES_MS
    while (this.#clock.monotonicMs() < untilMs) {
      if (this.#state.mustFlush) await runWaiting(this.#state.flush())
      else if ((this.#state.statistics().base.writes?.compactionsRunning ?? 0) === 0) return
      await this.#clock.sleep(20)
    }
  }

  close(): void {
    this.#journal.close()
    this.#state.close()
  }
}

/** Opens the state in a directory, with all caches empty. Errors as `openEngine`. */
export async function openBenchState(options: BenchStateOptions): Promise<BenchState> {
  const { disk, clock, directory, engine, cacheBytes, valueCacheBytes, flushBytes, compactor } = options
  disk.makeDirectory(directory)
  const cache = new BlockCache({ capacityBytes: cacheBytes })
  const base = await openEngine(engine, { disk, directory: `${directory}/state`, cache, cacheBytes, clock, compactor })
  try {
    const state = openTaskState({
      task: 'bench',
      specs: [SPEC],
      base,
      deltas: [],
      id: base.id,
      cache: new CacheBudget(valueCacheBytes),
      flushThresholdBytes: flushBytes,
      nowMs: () => clock.monotonicMs(),
    })
    return new BenchState(state, disk.open(`${directory}/journal`, 'create'), clock)
  } catch (error) {
    base.close()
    throw error
  }
}
