import { encodeCheckpoint } from '../../src/checkpoint/record.ts'
import { Retainer, type RetainFailpoint, type RetentionSettings } from '../../src/checkpoint/retainer.ts'
import type { RetainedKind } from '../../src/checkpoint/retained-record.ts'
import type { Disk } from '../../src/disk/disk.ts'
import type { StoredDelta } from '../../src/log/types.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { type LsmBase, openLsmBase } from '../../src/lsm/lsm-base.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { openTaskState } from '../../src/store/open.ts'
import type { TaskState } from '../../src/store/types.ts'
import { drain, NUMBERS } from '../store/harness.ts'

export const STATE = '/state/0'

/** What outlives a crash of the task beside its disk: the log. */
export interface KeptLog {
  readonly deltas: StoredDelta[]
  id: number
  record: Uint8Array
  lastDeltaId: number
}

export function emptyLog(): KeptLog {
  return { deltas: [], id: 0, record: new Uint8Array(0), lastDeltaId: 0 }
}

/** A task on sorted files that keeps checkpoints, without a runtime. */
export class KeptTask {
  readonly base: LsmBase
  readonly state: TaskState
  readonly store: KeyValueStore<string, number>
  readonly retainer: Retainer
  readonly #log: KeptLog
  nowMs: number

  constructor(
    disk: Disk,
    log: KeptLog,
    options: {
      readonly nowMs: number
      readonly settings: RetentionSettings
      readonly failpoint?: (name: RetainFailpoint) => void
      readonly monotonicMs?: () => number
    },
  ) {
    this.#log = log
    this.nowMs = options.nowMs
    this.base = openLsmBase({
      disk,
      directory: STATE,
      cache: new BlockCache({ capacityBytes: 1 << 18, poisons: true }),
    })
    this.state = openTaskState({
      task: 'job-0',
      specs: [NUMBERS],
      base: this.base,
      deltas: log.deltas,
      id: log.id,
      lastDeltaId: log.lastDeltaId,
    })
    this.store = new KeyValueStore(this.state.store('numbers'))
    this.retainer = new Retainer({
      task: 'job-0',
      disk,
      directory: STATE,
      base: this.base,
      settings: options.settings,
      now: () => this.nowMs,
      ...(options.monotonicMs === undefined ? {} : { monotonicMs: options.monotonicMs }),
      id: log.id,
      record: log.record,
      failpoint: options.failpoint ?? (() => {}),
    })
  }

  commit(): void {
    const log = this.#log
    const id = log.id + 1
    const frozen = this.state.freeze(id)
    this.retainer.froze(id)
    const bytes = drain(this.state.delta(frozen))
    if (bytes !== null) {
      log.deltas.push({ id, bytes })
      log.lastDeltaId = id
    }
    const record = encodeCheckpoint({
      version: 1,
      atMs: this.nowMs,
      lastDeltaId: log.lastDeltaId,
      changedBytes: log.deltas.reduce((sum, delta) => sum + delta.bytes.length, 0),
      inputs: {},
      sent: {},
    })
    log.record = record
    log.id = id
    this.retainer.committed(id, record)
    drain(this.state.commit(frozen))
  }

  flush(): void {
    drain(this.state.flush())
  }

  /** Does what is due of the retainer. */
  keep(): void {
    const { state } = this
    while (this.retainer.due) {
      drain(
        this.retainer.steps(function* () {
          yield* state.flush()
          return state.flushedId
        }),
      )
    }
  }

  /** Asks for a checkpoint of what is committed, and makes it. */
  keepNamed(checkpoint: string, kind: RetainedKind): number {
    let id = -1
    this.retainer.ask({ checkpoint, kind, done: (record) => (id = record.id) })
    this.retainer.froze(this.#log.id)
    this.keep()
    return id
  }
}

/** What a retained checkpoint holds, read as a tool reads it beside the owner. */
export function readKept(disk: Disk, id: number): Map<string, number> {
  const cache = new BlockCache({ capacityBytes: 1 << 18, poisons: true })
  const base = openLsmBase({ disk, directory: STATE, cache, readOnly: true, checkpoint: id })
  const state = openTaskState({ task: 'job-0', specs: [NUMBERS], base, deltas: [], id })
  try {
    const store = new KeyValueStore<string, number>(state.store('numbers')).committed()
    using entries = store.entries()
    return new Map([...entries].map(({ key, value }) => [key, value]))
  } finally {
    state.close()
  }
}
