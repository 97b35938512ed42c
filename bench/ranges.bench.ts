import { performance } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { murmur2 } from '../packages/tidemark/src/hash/murmur2.ts'
import { string } from '../packages/tidemark/src/serde/string.ts'
import { uint } from '../packages/tidemark/src/serde/uint.ts'
import { KeyValueStore } from '../packages/tidemark/src/store/kv-store.ts'
import { openTaskState } from '../packages/tidemark/src/store/open.ts'
import type { StoreSpec, Steps, TaskState } from '../packages/tidemark/src/store/types.ts'
import { WindowStore } from '../packages/tidemark/src/store/window-store.ts'
import { emptyBase } from './empty-base.ts'

const DIRTY_KEYS = 1_000_000
const BURST_KEYS = 5_000_000
const RANGES = 20_000
const HOUR_MS = 3_600_000

function stateOf(spec: object): TaskState {
  return openTaskState({ task: 'bench', specs: [spec as StoreSpec], base: emptyBase(), deltas: [], id: 0 })
}

function kv(): { state: TaskState; store: KeyValueStore<string, number> } {
  const state = stateOf({
    name: 'entries',
    kind: 'kv',
    key: string(),
    value: uint(),
    retentionMs: null,
    windowSizeMs: null,
  })
  return { state, store: new KeyValueStore(state.store('entries')) }
}

/** Keys in no order, no two the same below `count`. */
function keyOf(i: number, count: number): string {
  return `user-${String((i * 7_919_999) % count).padStart(8, '0')}`
}

/** Times of many short things. */
class Times {
  readonly #all: Float64Array
  #count = 0

  constructor(most: number) {
    this.#all = new Float64Array(most)
  }

  add(ms: number): void {
    this.#all[this.#count++] = ms
  }

  line(name: string): string {
    const all = this.#all.subarray(0, this.#count).sort()
    const at = (part: number): string => ((all[Math.floor(part * (all.length - 1))] ?? 0) * 1000).toFixed(1)
    const sum = all.reduce((total, ms) => total + ms, 0)
    return `${name.padEnd(44)} n ${String(all.length).padStart(8)}  mean ${((sum * 1000) / all.length).toFixed(2)} us  p50 ${at(0.5)}  p99 ${at(0.99)}  p99.99 ${at(0.9999)}  max ${at(1)} us`
  }
}

/** The processor time of this thread is known in steps of this, ms. */
const CPU_STEP_MS = 4

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Time since `start`; what other processes took of it, if it is long, is left out. */
function since(start: number, cpu: number): number {
  const wall = performance.now() - start
  return wall > 2 * CPU_STEP_MS ? Math.min(wall, cpuMs() - cpu + CPU_STEP_MS) : wall
}

function timed(times: Times, run: () => void): void {
  const cpu = cpuMs()
  const start = performance.now()
  run()
  times.add(since(start, cpu))
}

function steps<T>(times: Times, work: Steps<T> | Generator<void, T>): T {
  for (;;) {
    const cpu = cpuMs()
    const start = performance.now()
    const step = work.next()
    times.add(since(start, cpu))
    if (step.done === true) return step.value
  }
}

/** A range of ten per message, and a put, in a memtable of a million keys that nobody has ranged over before. */
function rangePerMessage(print: (line: string) => void): void {
  const { state, store } = kv()
  for (let i = 0; i < DIRTY_KEYS; i++) store.put(keyOf(i, DIRTY_KEYS), i)
  const ranges = new Times(RANGES)
  const first = new Times(1)
  let entries = 0
  for (let i = 0; i <= RANGES; i++) {
    timed(i === 0 ? first : ranges, () => {
      for (const _ of store.range(keyOf(i * 31, DIRTY_KEYS), null, { limit: 10 })) entries++
    })
    store.put(`new-${i}`, i)
  }
  print(first.line('first range, 1 M dirty keys'))
  print(ranges.line('range of ten per message, 1 M dirty keys'))
  if (entries < RANGES * 9) throw new Error(`${entries} entries were read`)
  state.close()
}

/** Five million new keys in one commit, then all that follows from it. */
function burst(print: (line: string) => void): void {
  const { state, store } = kv()
  const puts = new Times(BURST_KEYS)
  for (let i = 0; i < BURST_KEYS; i++) {
    const key = keyOf(i, BURST_KEYS)
    const start = performance.now()
    store.put(key, i)
    puts.add(performance.now() - start)
  }
  print(puts.line('put, 5 M new keys'))
  const first = new Times(1)
  timed(first, () => {
    for (const _ of store.range(keyOf(77, BURST_KEYS), null, { limit: 10 })) continue
  })
  print(first.line('first range, 5 M dirty keys'))
  const freeze = new Times(2)
  const frozen = { value: state.freeze(1) }
  const encoding = new Times(1_000_000)
  steps(encoding, state.delta(frozen.value))
  print(encoding.line('steps of the delta'))
  const committing = new Times(1_000_000)
  steps(committing, state.commit(frozen.value))
  print(committing.line('steps of the commit'))
  for (let i = 0; i < 200_000; i++) store.put(`more-${i}`, i)
  timed(freeze, () => {
    frozen.value = state.freeze(2)
  })
  print(freeze.line('freeze'))
  steps(encoding, state.delta(frozen.value))
  const merging = new Times(1_000_000)
  steps(merging, state.commit(frozen.value))
  print(merging.line('steps of a merge of 200 k keys into it'))
  const flushing = new Times(1_000_000)
  steps(flushing, state.flush())
  print(flushing.line('steps of the flush, sorting included'))
  state.close()
}

/** One fetch per message of the last hour of a key, as a join does it, beside a put. */
function fetchPerMessage(print: (line: string) => void, ranged: boolean, name: string): void {
  const state = stateOf({
    name: 'windows',
    kind: 'windows',
    key: string(),
    value: uint(),
    retentionMs: null,
    windowSizeMs: 1000,
    ranged,
  })
  const store = new WindowStore<string, number>(state.store('windows'))
  const users = 100_000
  for (let i = 0; i < DIRTY_KEYS; i++) store.put(keyOf(i % users, users), Math.floor(i / users) * 1000, i)
  for (const _ of store.fetch('nobody', 0, 1)) continue
  const fetches = new Times(RANGES * 5)
  let entries = 0
  for (let i = 0; i < RANGES * 5; i++) {
    const key = keyOf(i * 31, users)
    store.put(key, (i % 7) * 1000, i)
    timed(fetches, () => {
      for (const _ of store.fetch(key, 0, HOUR_MS)) entries++
    })
  }
  print(fetches.line(name))
  if (entries < RANGES * 5 * 10) throw new Error(`${entries} windows were read`)
  state.close()
}

/** Ranges in large memtables, and steps of the work after a burst of inserts: what a container's loop waits for. */
export function measureRanges(print: (line: string) => void): void {
  // A key hashed and a map filled once, so that the first figures are not those of the interpreter.
  murmur2(new Uint8Array(8))
  rangePerMessage(print)
  fetchPerMessage(print, false, 'window fetch, by an order of all keys')
  fetchPerMessage(print, true, 'window fetch, by user key')
  burst(print)
}

/** Nothing for mitata: what counts here is the longest time, not the mean. `node bench/ranges.bench.ts` runs it. */
export function rangesBench(): void {
  measureRanges((line) => console.log(line))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) rangesBench()
