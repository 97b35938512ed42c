import type { Disk } from '../disk/disk.ts'
import { invariant } from '../errors/error.ts'
import { ShadowedBase } from '../engines/shadowed-base.ts'
import type { Base, Steps } from '../store/types.ts'
import { checkpointName } from './checkpoint-name.ts'
import { type CheckpointRecord, decodeCheckpoint } from './record.ts'
import {
  momentsOf,
  readRetainedRecord,
  recordIds,
  removeRetainedRecord,
  type RetainedName,
  type RetainedRecord,
  writeRetainedRecord,
} from './retained-record.ts'
import { retainedCovering, type RetentionPolicy } from './retention.ts'

/** The steps between which a crash is tested (invariants K1 and K2). */
export const RETAIN_FAILPOINTS = [
  'retain-before-flush',
  'retain-before-record',
  'retain-before-manifest',
  'retain-after-manifest',
  'release-before-manifest',
  'release-before-record',
] as const

export type RetainFailpoint = (typeof RETAIN_FAILPOINTS)[number]

/** What keeps the state of a checkpoint, so that it can be read while the task goes on: see LsmBase and ShadowedBase. */
export interface StateKeeper {
  /** Says whether a checkpoint is going to be kept: then writes bring up what keeps it, until `ready`. */
  want?(wanted: boolean): void
  /** False while what keeps it lacks something. */
  readonly ready?: boolean
  /** Keeps the state of now as checkpoint `id`. */
  retain(id: number, createdAtMs: number): void
  release(id: number): void
  retained(): readonly { readonly id: number }[]
}

/** What keeps a task's checkpoints, and how. */
export interface TaskKeeper {
  readonly base: StateKeeper
  /** Where the retained ones are, and their records. */
  readonly directory: string
  readonly onRequestOnly: boolean
}

/** `base`: as `openTaskBase` gives it; `directory`: that of the task. */
export function keeperOf(directory: string, base: Base): TaskKeeper {
  if (base instanceof ShadowedBase) return { base, directory: base.directory, onRequestOnly: !base.follows }
  invariant('retain' in base && 'release' in base && 'retained' in base, `the base of ${directory} keeps checkpoints`)
  return { base: base as Base & StateKeeper, directory, onRequestOnly: false }
}

/** How often a checkpoint is retained, and which of them stay; no tiers: none is retained but by request. */
export interface RetentionSettings {
  readonly intervalMs: number
  readonly policy: RetentionPolicy
}

export interface RetainerOptions {
  readonly task: string
  readonly disk: Disk
  /** Where the base keeps its checkpoints. */
  readonly directory: string
  readonly base: StateKeeper
  /** True where each that is kept costs reading the whole state: the policy keeps none. */
  readonly onRequestOnly?: boolean
  readonly settings: RetentionSettings
  /** Ms since 1970; may jump. */
  readonly now: () => number
  /** Monotone, ms: tells how much time has passed while the other clock is behind. By default it stands still then. */
  readonly monotonicMs?: () => number
  /** The committed checkpoint that the task starts from, and its encoded record. */
  readonly id: number
  readonly record: Uint8Array
  readonly failpoint: (name: RetainFailpoint) => void
}

/** What somebody wants to be retained. */
export interface RetainRequest extends RetainedName {
  readonly done: (answer: RetainedRecord) => void
}

interface Asked extends RetainRequest {
  /** The commit that has to be decided first; null until the next freeze tells. */
  afterId: number | null
}

/**
 * Retains checkpoints of one task and gives them up by policy. A checkpoint that is retained is first flushed, so that it
 * consists of files alone: it costs the files that later merges would drop, and nothing else. Work is done in steps
 * between slices of messages; commits go on meanwhile.
 */
export class Retainer {
  readonly #options: RetainerOptions
  /** Complete ones, oldest first. */
  #known: RetainedRecord[] = []
  /** Encoded records of the checkpoints that may be the one that a flush under way is going to be of. */
  readonly #records = new Map<number, Uint8Array>()
  #newestId: number
  #asked: Asked[] = []
  #active = false
  #period: number
  #steady: SteadyClock
  /** Of the checkpoint that was kept last, or that this started from: without a later commit the policy has no turn. */
  #keptId: number

  constructor(options: RetainerOptions) {
    this.#options = options
    this.#newestId = options.id
    this.#keptId = options.id
    this.#records.set(options.id, options.record)
    this.#steady = new SteadyClock(options)
    this.#period = this.#periodOf(this.#steady.now())
    this.#recover()
  }

  /** Drops what a crash left half done, and what was kept for a savepoint that has ended by now (K2). */
  #recover(): void {
    const { base, disk, directory, id: committed } = this.#options
    const complete = new Set(base.retained().map(({ id }) => id))
    for (const id of recordIds(disk, directory)) if (!complete.has(id)) removeRetainedRecord(disk, directory, id)
    for (const id of complete) {
      const record = id > committed ? null : readRetainedRecord(disk, directory, id)
      if (record === null) this.#giveUp(id)
      else this.#known.push(record)
    }
    for (const record of this.#known) this.#rename(record, (name) => name.kind !== 'savepoint')
    for (const moment of this.#known.flatMap(momentsOf)) {
      this.#period = Math.max(this.#period, this.#periodOf(moment))
      this.#steady.notBefore(moment)
    }
  }

  #periodOf(atMs: number): number {
    return Math.floor(atMs / this.#options.settings.intervalMs)
  }

  /** The retained checkpoints, oldest first. */
  get known(): readonly RetainedRecord[] {
    return this.#known
  }

  /** As soon as what is done by now is committed, `request.checkpoint` is retained. The caller makes a commit due. */
  ask(request: RetainRequest): void {
    this.#asked.push({ ...request, afterId: null })
  }

  /** A freeze has happened: what was asked for before it has to wait for this commit. */
  froze(id: number): void {
    for (const asked of this.#asked) asked.afterId ??= id
  }

  /** Commit `id` was decided. */
  committed(id: number, record: Uint8Array): void {
    if (!this.#active) this.#records.clear()
    this.#records.set(id, record)
    this.#newestId = id
  }

  /** True when `steps` has something to do. Cheap: asked at every turn of the loop. */
  get due(): boolean {
    return !this.#active && (this.#policyDue || this.#wanted() !== undefined)
  }

  #wanted(): Asked | undefined {
    for (const asked of this.#asked) if (asked.afterId !== null && asked.afterId <= this.#newestId) return asked
    return undefined
  }

  get #policyDue(): boolean {
    const { base, onRequestOnly, settings } = this.#options
    if (onRequestOnly === true || settings.policy.length === 0 || this.#newestId === this.#keptId) return false
    return this.#periodOf(this.#steady.now()) > this.#period && base.ready !== false
  }

  /**
   * Retains what is due. `flush` writes recent to the base, and a part of what the base has to write beside it, and returns
   * the id that the base covers then. A request is served before the policy's turn, which the same checkpoint then serves
   * too.
   */
  *steps(flush: () => Steps<number>): Steps {
    const { base, failpoint, settings } = this.#options
    this.#active = true
    try {
      const wanted = this.#wanted()
      const atMs = this.#steady.now()
      const period = this.#periodOf(atMs)
      failpoint('retain-before-flush')
      base.want?.(true)
      let id = yield* flush()
      while (base.ready === false) id = yield* flush()
      const name = wanted ?? { checkpoint: checkpointName(period * settings.intervalMs), kind: 'policy' as const }
      const record = this.#makeRecord(id, { checkpoint: name.checkpoint, kind: name.kind }, atMs)
      // Before its first commit a task has nothing to keep.
      if (id > 0) yield* this.#keep(record)
      base.want?.(false)
      if (name.kind !== 'savepoint') this.#period = period
      if (wanted !== undefined) {
        this.#asked = this.#asked.filter((each) => each !== wanted)
        wanted.done(record)
      }
      yield
      yield* this.#applyPolicy()
    } finally {
      this.#active = false
      for (const id of this.#records.keys()) if (id !== this.#newestId) this.#records.delete(id)
    }
  }

  #makeRecord(id: number, name: RetainedName, atMs: number): RetainedRecord {
    const before = this.#known.find((each) => each.id === id)
    if (before !== undefined) {
      return { ...before, names: [...before.names.filter((each) => each.checkpoint !== name.checkpoint), name] }
    }
    const bytes = this.#records.get(id)
    invariant(bytes !== undefined, `the record of checkpoint ${id} of ${this.#options.task} is known`)
    const record = id === 0 ? { ...NOTHING, atMs } : decodeCheckpoint(bytes, this.#options.task)
    return { names: [name], id, atMs, record }
  }

  *#keep(record: RetainedRecord): Steps {
    const { base, disk, directory, failpoint } = this.#options
    failpoint('retain-before-record')
    writeRetainedRecord(disk, directory, record)
    yield
    failpoint('retain-before-manifest')
    if (!this.#known.some(({ id }) => id === record.id)) {
      base.retain(record.id, record.atMs)
      this.#keptId = record.id
    }
    failpoint('retain-after-manifest')
    this.#known = [...this.#known.filter(({ id }) => id !== record.id), record].sort((a, b) => a.id - b.id)
  }

  *#applyPolicy(): Steps {
    const { settings } = this.#options
    const subjects = this.#known.map((each) => ({
      id: each.id,
      atMs: Math.max(...momentsOf(each)),
      savepoint: false,
    }))
    const kept =
      settings.policy.length === 0 ? new Set<number>() : retainedCovering(subjects, this.#steady.now(), settings.policy)
    for (const record of this.#known) {
      if (kept.has(record.id)) continue
      this.#rename(record, (name) => name.kind !== 'policy')
      yield
    }
  }

  /** Gives up all that is kept under a name; true when there was something. */
  release(checkpoint: string): boolean {
    this.#asked = this.#asked.filter((each) => each.checkpoint !== checkpoint)
    const named = this.#known.filter(({ names }) => names.some((name) => name.checkpoint === checkpoint))
    for (const record of named) this.#rename(record, (name) => name.checkpoint !== checkpoint)
    return named.length > 0
  }

  /** Takes names away from a retained checkpoint; with the last one its files, as far as only it held them. */
  #rename(record: RetainedRecord, keep: (name: RetainedName) => boolean): void {
    const { disk, directory } = this.#options
    const names = record.names.filter(keep)
    if (names.length === record.names.length) return
    this.#known = this.#known.flatMap((each) =>
      each !== record ? [each] : names.length > 0 ? [{ ...each, names }] : [],
    )
    if (names.length > 0) writeRetainedRecord(disk, directory, { ...record, names })
    else this.#giveUp(record.id)
  }

  #giveUp(id: number): void {
    const { base, disk, directory, failpoint } = this.#options
    failpoint('release-before-manifest')
    base.release(id)
    failpoint('release-before-record')
    removeRetainedRecord(disk, directory, id)
  }
}

/**
 * A wall clock that never goes back: while the machine's clock is behind what it said before, time passes by the monotone
 * one. So periods follow each other, and no name is given twice, whatever is done to the machine's clock.
 */
class SteadyClock {
  readonly #wall: () => number
  readonly #monotonic: () => number
  #lastMs = Number.NEGATIVE_INFINITY
  #lastMonotonicMs: number

  constructor({ now, monotonicMs = () => 0 }: Pick<RetainerOptions, 'monotonicMs' | 'now'>) {
    this.#wall = now
    this.#monotonic = monotonicMs
    this.#lastMonotonicMs = monotonicMs()
  }

  /** It was this late already. */
  notBefore(ms: number): void {
    this.#lastMs = Math.max(this.#lastMs, ms)
  }

  now(): number {
    const monotonicMs = this.#monotonic()
    const passedMs = monotonicMs - this.#lastMonotonicMs
    this.#lastMonotonicMs = monotonicMs
    this.#lastMs = Math.max(this.#wall(), Math.round(this.#lastMs + passedMs))
    return this.#lastMs
  }
}

const NOTHING: CheckpointRecord = { version: 1, atMs: 0, lastDeltaId: 0, inputs: {}, sent: {} }
