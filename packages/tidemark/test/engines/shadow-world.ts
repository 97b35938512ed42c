import assert from 'node:assert/strict'
import { encodeCheckpoint } from '../../src/checkpoint/record.ts'
import { listRetained, recordIds, type RetainedKind } from '../../src/checkpoint/retained-record.ts'
import { keeperOf, Retainer } from '../../src/checkpoint/retainer.ts'
import type { Disk } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { openTaskBase, type TaskBaseOptions } from '../../src/engines/open-task-base.ts'
import type { EngineChoice } from '../../src/engines/placement.ts'
import { shadowDirectory } from '../../src/engines/placement.ts'
import { registerEngine } from '../../src/engines/registry.ts'
import type { StoredDelta } from '../../src/log/types.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { MANIFEST_NAME, readManifest } from '../../src/lsm/manifest.ts'
import { runWaiting } from '../../src/lsm/open-files.ts'
import { retainedIds } from '../../src/lsm/retained.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { openTaskState } from '../../src/store/open.ts'
import type { Base, StoreSpec, TaskState } from '../../src/store/types.ts'
import { kvSpec } from '../store/harness.ts'

export const STATE = '/state/0'
const STORES = ['a', 'b', 'c'] as const
const SPECS: readonly StoreSpec[] = STORES.map((name) => kvSpec(name, string(), uint()))
/** Sorted files under another name: what is tested is how engines and their shadow go together, not the engines. */
const CHOICE: EngineChoice = { engine: 'plain-one', stores: { b: 'plain-two' } }

for (const name of ['plain-one', 'plain-two']) {
  registerEngine({ name, open: ({ disk, directory, cache }) => hidden(openLsmBase({ disk, directory, cache })) })
}

/** Without what only sorted files can do. */
function hidden(base: Base): Base {
  return new Proxy(base, {
    has: (target, key) => !['retain', 'release', 'retained'].includes(String(key)) && key in target,
    get: (target, key) => {
      if (['retain', 'release', 'retained', 'expire', 'dropsWindows'].includes(String(key))) return undefined
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

type Model = ReadonlyMap<string, ReadonlyMap<string, number>>

function newCache(): BlockCache {
  return new BlockCache({ capacityBytes: 1 << 18, poisons: true })
}

export class Killed extends Error {}

/** What a task holds, or held, by store. */
function contents(state: TaskState): Model {
  return new Map(
    STORES.map((name) => {
      using entries = new KeyValueStore<string, number>(state.store(name)).committed().entries()
      return [name, new Map([...entries].map(({ key, value }) => [key, value]))]
    }),
  )
}

/** A task on engines that keep the newest state only, the disk and the log that outlive it, and what it was at each commit. */
export class ShadowWorld {
  readonly disk: MemDisk = new MemDisk()
  deltas: StoredDelta[] = []
  id = 0
  lastDeltaId = 0
  record: Uint8Array = new Uint8Array(0)
  nowMs = 0
  follow = true
  failpoint: string | null = null
  /** What the failpoints were that it came to. */
  readonly passed = new Set<string>()
  readonly states = new Map<number, Model>()
  #model = new Map<string, Map<string, number>>(STORES.map((name) => [name, new Map()]))
  state!: TaskState
  base!: Base
  retainer!: Retainer

  static async open(follow: boolean): Promise<ShadowWorld> {
    const world = new ShadowWorld()
    world.follow = follow
    world.states.set(0, snapshot(world.#model))
    await world.#open()
    return world
  }

  async #open(): Promise<void> {
    const failpoint = (name: string): void => {
      this.passed.add(name)
      if (name === this.failpoint) throw new Killed(name)
    }
    const options: TaskBaseOptions = {
      disk: this.disk,
      directory: STATE,
      cache: newCache(),
      choice: CHOICE,
      stores: STORES,
      shadow: this.follow ? 'follow' : 'on-request',
      fillEntries: 7,
      failpoint,
    }
    const base = await openTaskBase(options)
    try {
      const lastDeltaId = this.lastDeltaId
      this.state = openTaskState({ task: 'job-0', specs: SPECS, base, deltas: this.deltas, id: this.id, lastDeltaId })
      this.base = base
      this.retainer = new Retainer({
        task: 'job-0',
        disk: this.disk,
        ...keeperOf(STATE, base),
        settings: { intervalMs: 1000, policy: [{ periodMs: 1000, forMs: 5000 }] },
        now: () => this.nowMs,
        id: this.id,
        record: this.record,
        failpoint,
      })
    } catch (error) {
      base.close()
      throw error
    }
  }

  write(round: number, keys: readonly number[]): void {
    for (const key of keys) {
      const name = STORES[key % STORES.length] as string
      const store = new KeyValueStore<string, number>(this.state.store(name))
      const model = this.#model.get(name) as Map<string, number>
      if ((key + round) % 4 === 0) {
        store.delete(`key-${key}`)
        model.delete(`key-${key}`)
      } else {
        store.put(`key-${key}`, round)
        model.set(`key-${key}`, round)
      }
    }
  }

  async commit(): Promise<void> {
    const id = this.id + 1
    const frozen = this.state.freeze(id)
    this.retainer.froze(id)
    const bytes = await runWaiting(this.state.delta(frozen))
    if (bytes !== null) {
      this.deltas.push({ id, bytes })
      this.lastDeltaId = id
    }
    const { lastDeltaId, nowMs } = this
    this.record = encodeCheckpoint({ version: 1, atMs: nowMs, lastDeltaId, inputs: {}, sent: {} })
    this.id = id
    this.states.set(id, snapshot(this.#model))
    this.retainer.committed(id, this.record)
    await runWaiting(this.state.commit(frozen))
  }

  /** One flush; afterwards the log forgets what it covers. */
  async flush(): Promise<number> {
    await runWaiting(this.state.flush())
    this.deltas = this.deltas.filter(({ id }) => id > this.state.flushedId)
    return this.state.flushedId
  }

  /** Does what is due of the retainer. */
  async keep(): Promise<void> {
    const { state } = this
    while (this.retainer.due) {
      await runWaiting(
        this.retainer.steps(function* () {
          if (state.flushedId < state.id || state.mustFlush) yield* state.flush()
          return state.flushedId
        }),
      )
    }
  }

  async keepNamed(checkpoint: string, kind: RetainedKind): Promise<number> {
    let id = -1
    this.retainer.ask({ checkpoint, kind, done: (record) => (id = record.id) })
    this.retainer.froze(this.id)
    await this.keep()
    return id
  }

  /** Power fails, or with no seed the process is killed; an engine may be lost; then the task starts again. */
  async restart(seed: number | null, follow: boolean = this.follow, lost: string | null = null): Promise<void> {
    this.failpoint = null
    if (seed === null) this.disk.restart()
    else this.disk.crash({ seed })
    if (lost !== null) this.#lose(lost)
    this.follow = follow
    const committed = this.states.get(this.id) as Model
    this.#model = new Map([...committed].map(([name, entries]) => [name, new Map(entries)]))
    await this.#open()
    await this.check()
    const shadow = shadowDirectory(STATE)
    assert.deepEqual(
      recordIds(this.disk, shadow),
      retainedIds(this.disk, shadow),
      'a record for each, and no other (K1)',
    )
    if (!follow && retainedIds(this.disk, shadow).length === 0) {
      const left = this.disk.list(shadow).filter((name) => name !== 'retained')
      assert.deepEqual(left, [], 'nothing is left of a shadow that nobody needs')
    }
  }

  /** The id that the shadow has on the disk; null if there is none. */
  shadowId(): number | null {
    return readManifest(this.disk, shadowDirectory(STATE))?.id ?? null
  }

  /** Loses the files of an engine, all of them, if the shadow is whole. */
  #lose(engine: string): void {
    if ((this.shadowId() ?? 0) === 0) return
    const place = `${STATE}/${engine}`
    for (const name of this.disk.list(place)) this.disk.remove(`${place}/${name}`)
    this.disk.syncDirectory(place)
  }

  /** Task, shadow and all that is kept are what the model says (C1, C5). */
  async check(): Promise<void> {
    assert.deepEqual(contents(this.state), this.states.get(this.id), `the task is at commit ${this.id} (C1)`)
    for (const { id, directory } of listRetained(this.disk, STATE)) {
      const kept = readFiles(this.disk, directory, id, id)
      assert.deepEqual(kept, this.states.get(id), `checkpoint ${id} is the state of commit ${id} (C5)`)
    }
    const shadow = shadowDirectory(STATE)
    if (!this.disk.exists(`${shadow}/${MANIFEST_NAME}`)) return
    const id = this.shadowId() as number
    if (id > 0) assert.deepEqual(readFiles(this.disk, shadow, id), this.states.get(id), `the shadow is at ${id} (K6)`)
  }
}

function readFiles(disk: Disk, directory: string, id: number, checkpoint?: number): Model {
  const kept = checkpoint === undefined ? {} : { checkpoint }
  const base = openLsmBase({ disk, directory, cache: newCache(), readOnly: true, ...kept })
  const state = openTaskState({ task: 'job-0', specs: SPECS, base, deltas: [], id })
  try {
    return contents(state)
  } finally {
    state.close()
  }
}

function snapshot(model: ReadonlyMap<string, ReadonlyMap<string, number>>): Model {
  return new Map([...model].map(([name, entries]) => [name, new Map(entries)]))
}
