import type { Clock } from '../../packages/tidemark/src/clock/clock.ts'
import type { Disk } from '../../packages/tidemark/src/disk/disk.ts'
import { BlockCache } from '../../packages/tidemark/src/lsm/block-cache.ts'
import type { Compactor } from '../../packages/tidemark/src/lsm/compaction.ts'
import { openLsmBase } from '../../packages/tidemark/src/lsm/lsm-base.ts'
import { KEY_BYTES, permuted, writeKey } from '../../packages/tidemark/src/ops/bench-store/bench-keys.ts'
import { bytes } from '../../packages/tidemark/src/serde/bytes.ts'
import { CacheBudget } from '../../packages/tidemark/src/store/cache-budget.ts'
import { openTaskState } from '../../packages/tidemark/src/store/open.ts'
import type { StoreSpec, Steps, TaskState } from '../../packages/tidemark/src/store/types.ts'

export const STORE = 'figures'

const SPEC: StoreSpec = {
  name: STORE,
  kind: 'kv',
  key: bytes() as unknown as StoreSpec['key'],
  value: bytes() as unknown as StoreSpec['value'],
  retentionMs: null,
  windowSizeMs: null,
  // As in a store of a job that is only read by key.
  ranged: false,
}

export interface StateOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly directory: string
  readonly compactor: Compactor
  /** For blocks and for values, half each, as in a container. */
  readonly cacheBytes: number
  readonly flushBytes: number
}

/** The state of one task with one store of bytes, on `lsm`. */
export function openState(options: StateOptions): TaskState {
  const { disk, clock, directory, compactor, cacheBytes, flushBytes } = options
  disk.makeDirectory(directory)
  const cache = new BlockCache({ capacityBytes: cacheBytes / 2 })
  const base = openLsmBase({ disk, directory: `${directory}/state`, cache, clock, compactor })
  return openTaskState({
    task: 'figures',
    specs: [SPEC],
    base,
    deltas: [],
    id: base.id,
    cache: new CacheBudget(cacheBytes / 2),
    flushThresholdBytes: flushBytes,
    nowMs: () => clock.monotonicMs(),
  })
}

/** Drives work to its end, waiting where it says so. */
export async function finish<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    if (step.value !== undefined) await step.value
  }
}

const KEYS_PER_COMMIT = 10_000
const MERGES_MS = 600_000

/** Puts the keys 0 to `keys` once each, in an order that looks random, with commits that are flushed as in a job. */
export async function fill(state: TaskState, clock: Clock, keys: number, valueBytes: number): Promise<void> {
  const store = state.store(STORE)
  const key = new Uint8Array(KEY_BYTES)
  const value = new Uint8Array(valueBytes)
  const draw = permuted(keys)
  let random = 1
  for (let i = 0; i < keys; i++) {
    writeKey(key, 0, draw(), false)
    for (let at = 0; at < valueBytes; at++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
      value[at] = random >>> 16
    }
    store.put(key, 0, KEY_BYTES, value)
    if (i % KEYS_PER_COMMIT === KEYS_PER_COMMIT - 1) await commit(state, clock)
  }
  await commit(state, clock)
  await settle(state, clock)
}

/** A commit without a journal: what it leads to is flushed by `settle`, and nothing is replayed. */
export async function commit(state: TaskState, clock: Clock): Promise<void> {
  if (state.dirty) {
    const frozen = state.freeze(state.id + 1)
    await finish(state.delta(frozen))
    await finish(state.commit(frozen))
  }
  if (state.wantsFlush || state.mustFlush) await finish(state.flush())
  while (state.stalled) {
    await clock.sleep(1)
    if (state.mustFlush) await finish(state.flush())
  }
}

/**
 * Flushes all, and waits for the merges under way. A result comes into the manifest with the next flush, so one key is
 * written again until none is left to come.
 */
export async function settle(state: TaskState, clock: Clock): Promise<void> {
  const untilMs = clock.monotonicMs() + MERGES_MS
  const store = state.store(STORE)
  const key = new Uint8Array(KEY_BYTES)
  writeKey(key, 0, 0, false)
  for (;;) {
    await finish(state.flush())
    const { compactions = 0 } = state.statistics().base.writes ?? {}
    while (running(state) > 0) {
      if (clock.monotonicMs() > untilMs) throw new Error(`merges have not ended in ${MERGES_MS / 1000} s`)
      await clock.sleep(20)
      if (state.mustFlush) await finish(state.flush())
    }
    store.put(key, 0, KEY_BYTES, store.get(key, 0, KEY_BYTES))
    await commit(state, clock)
    await finish(state.flush())
    if (running(state) === 0 && state.statistics().base.writes?.compactions === compactions) return
  }
}

function running(state: TaskState): number {
  return state.statistics().base.writes?.compactionsRunning ?? 0
}
