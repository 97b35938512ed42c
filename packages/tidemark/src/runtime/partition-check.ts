import { TidemarkError } from '../errors/error.ts'
import { type Partitioner, type Place, placeBy } from '../hash/partitioners.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { showValue } from '../serde/hex.ts'
import type { Serde } from '../serde/serde.ts'
import { SetKeys } from '../store/set-key.ts'
import { hasSuffix } from '../store/stored-serde.ts'
import type { RawStore } from '../store/types.ts'
import { WindowKeys } from '../store/window-key.ts'
import { GuardedStore } from './guarded-store.ts'
import type { Gate } from './scope.ts'

/** Where the keys of a task's messages belong. */
export interface PartitionRule {
  readonly task: number
  /** Of every input of the task. */
  readonly partitions: number
  /** Encodes what a store's `partitionBy` function makes of a key. */
  readonly messageKey: Serde<unknown>
  readonly place: Place
}

/**
 * In development: a store that takes only keys that its task owns, by the store's `partitionBy`. Others would be found by
 * no query, and moved to another task by the next rescale. ERR_STORE_PARTITION.
 */
export class PartitionCheckedStore extends GuardedStore {
  readonly #rule: PartitionRule
  readonly #windows: WindowKeys | null
  readonly #sets: SetKeys | null
  readonly #writer = new ByteWriter(64)
  #bytes: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0

  constructor(store: RawStore, gate: Pick<Gate, 'check'>, rule: PartitionRule) {
    super(store, gate)
    this.#rule = rule
    const { name, kind, windowSizeMs } = store.spec
    this.#sets = kind === 'set' ? new SetKeys(name) : null
    const sizeMs = kind === 'windows' || kind === 'session' ? windowSizeMs : 0
    this.#windows = hasSuffix(kind) && kind !== 'set' ? new WindowKeys(name, sizeMs) : null
  }

  override put(bytes: Uint8Array, start: number, end: number, value: unknown): void {
    this.#check(bytes, start, end)
    super.put(bytes, start, end, value)
  }

  override locate(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    return super.locate(bytes, start, end)
  }

  override replace(value: unknown): void {
    this.#check(this.#bytes, this.#start, this.#end)
    super.replace(value)
  }

  #check(bytes: Uint8Array, start: number, end: number): void {
    const { partitionBy, key: serde, name } = this.spec
    const { task, partitions, messageKey, place } = this.#rule
    const user = this.#userKey(bytes.subarray(start, end))
    const key = serde.read(user, 0, user.length)
    let owner: number
    if (typeof partitionBy === 'function') {
      this.#writer.reset()
      messageKey.write(partitionBy(key), this.#writer)
      owner = place(this.#writer.bytes, 0, this.#writer.position, partitions)
    } else owner = place(user, 0, user.length, partitions)
    if (owner === task) return
    throw new TidemarkError(
      'ERR_STORE_PARTITION',
      `store ${name}: key ${showValue(key)} belongs to partition ${owner} of ${partitions}, but the message at hand is of ` +
        `partition ${task}. Key the messages by it, say by partitionBy what of it is their key, or say that it has ` +
        `nothing to do with them: partitionBy: 'opaque' (such a store cannot be rescaled)`,
      { details: { store: name, partition: task, owner } },
    )
  }

  #userKey(bytes: Uint8Array): Uint8Array {
    if (this.#sets !== null) return this.#sets.userKeyOf(bytes)
    return this.#windows === null ? bytes : this.#windows.userKeyOf(bytes)
  }
}

/** The rule of a task; null when there is none, because its inputs have different numbers of partitions or different partitioners. */
export function partitionRule(
  task: number,
  inputs: readonly {
    readonly key: Serde<unknown>
    readonly partitions: number
    readonly partitioner: Partitioner
  }[],
): PartitionRule | null {
  const first = inputs[0]
  if (first === undefined || inputs.some(({ partitions }) => partitions !== first.partitions)) return null
  if (inputs.some(({ partitioner }) => partitioner !== first.partitioner)) return null
  const place = placeBy(first.partitioner, 'of the task')
  return { task, partitions: first.partitions, messageKey: first.key, place }
}
