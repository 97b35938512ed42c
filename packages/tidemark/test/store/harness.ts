import type { StoredDelta } from '../../src/log/types.ts'
import { runToEnd } from '../../src/lsm/open-files.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { json } from '../../src/serde/json.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { type OpenTaskStateOptions, openTaskState } from '../../src/store/open.ts'
import type { Steps, StoreSpec, TaskState } from '../../src/store/types.ts'
import { MapBase } from './map-base.ts'

function erased<T>(serde: Serde<T>): Serde<unknown> {
  return serde as unknown as Serde<unknown>
}

export function kvSpec<K, V>(name: string, key: Serde<K>, value: Serde<V>): StoreSpec {
  return { name, kind: 'kv', key: erased(key), value: erased(value), retentionMs: null, windowSizeMs: null }
}

export function windowSpec<K, V>(
  name: string,
  key: Serde<K>,
  value: Serde<V>,
  times: { retentionMs?: number; windowSizeMs?: number } = {},
): StoreSpec {
  const { retentionMs = null, windowSizeMs = null } = times
  return { name, kind: 'windows', key: erased(key), value: erased(value), retentionMs, windowSizeMs }
}

/** One store of each discipline. */
export const NUMBERS: StoreSpec = kvSpec('numbers', string(), uint())
export const OBJECTS: StoreSpec = kvSpec('objects', string(), json<{ n: number; tags: string[] }>())
export const BLOBS: StoreSpec = kvSpec('blobs', string(), bytes())

/** Runs a generator to its end. */
export function drain<T>(steps: Steps<T>): T {
  return runToEnd(steps)
}

/** A task's state with what outlives it: the base and the committed deltas, as log and disk keep them. */
export class Harness {
  state: TaskState
  base = new MapBase()
  readonly specs: readonly StoreSpec[]
  deltas: StoredDelta[] = []
  committed = 0
  lastDeltaId = 0
  readonly #options: Partial<OpenTaskStateOptions>

  constructor(specs: readonly StoreSpec[] = [NUMBERS, OBJECTS, BLOBS], options: Partial<OpenTaskStateOptions> = {}) {
    this.specs = specs
    this.#options = options
    this.state = this.open()
  }

  /** Opens the committed state again; what was not committed is gone. */
  open(): TaskState {
    this.state = openTaskState({
      task: 'job-0',
      specs: this.specs,
      base: this.base,
      deltas: this.deltas,
      id: this.committed,
      lastDeltaId: this.lastDeltaId,
      ...this.#options,
    })
    return this.state
  }

  /** A whole commit, DECIDE included. */
  commit(): void {
    const frozen = this.state.freeze(this.committed + 1)
    this.decide(drain(this.state.delta(frozen)))
    drain(this.state.commit(frozen))
  }

  /** DECIDE: the delta is durable. */
  decide(delta: Uint8Array | null): void {
    this.committed++
    if (delta !== null) {
      this.deltas.push({ id: this.committed, bytes: delta })
      this.lastDeltaId = this.committed
    }
  }

  /** The journal may forget what is in files. */
  forgetFlushed(): void {
    this.deltas = this.deltas.filter(({ id }) => id > this.state.flushedId)
  }
}
