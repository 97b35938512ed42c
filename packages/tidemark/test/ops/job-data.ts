import type { CheckpointRecord } from '../../src/checkpoint/record.ts'
import { encodeCheckpoint } from '../../src/checkpoint/record.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { openBase } from '../../src/engines/engine.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts'
import type { Append, ProducerState } from '../../src/log/types.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { KeyEncoder } from '../../src/store/key-encoder.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { describe } from '../../src/store/descriptor.ts'
import { openTaskState } from '../../src/store/open.ts'
import type { StoreSpec, TaskState } from '../../src/store/types.ts'
import { WindowStore } from '../../src/store/window-store.ts'
import { drain } from '../store/harness.ts'

export const DIRECTORY = '/data'

interface TaskHandle {
  readonly producer: ProducerState
  readonly state: TaskState
  id: number
}

/** What a job leaves in a data directory, written by the real log and the real state, without a runtime. */
export class JobData {
  readonly disk: MemDisk
  readonly log: EmbeddedLog
  readonly specs: readonly StoreSpec[]
  readonly tasks: TaskHandle[] = []

  constructor(specs: readonly StoreSpec[], tasks: number) {
    this.disk = new MemDisk()
    this.specs = specs
    this.log = EmbeddedLog.open({
      disk: this.disk,
      directory: DIRECTORY,
      job: 'visits',
      clock: new ManualClock(1000),
      lock: false,
    })
    for (let task = 0; task < tasks; task++) {
      const meta = { job: 'visits', task, tasks, stores: specs.map(describe), planHash: 'x', engine: 'lsm' }
      const producer = this.log.claim(`task:visits/${task}`, JSON.stringify(meta))
      const base = openBase('lsm', {
        disk: this.disk,
        directory: `${DIRECTORY}/state/${task}`,
        cache: new BlockCache({ capacityBytes: 1024 }),
      })
      this.tasks.push({
        producer,
        state: openTaskState({ task: producer.producer, specs, base, deltas: [], id: 0 }),
        id: 0,
      })
    }
  }

  /** The task that owns a string key. */
  owner(key: string): number {
    return partitionOf(murmur2(new TextEncoder().encode(key)), this.tasks.length)
  }

  put(store: string, key: string, value: unknown, windowStart?: number): void {
    const task = this.tasks[this.owner(key)] as TaskHandle
    const raw = task.state.store(store)
    const encoder = new KeyEncoder(raw.spec.key)
    if (windowStart === undefined) new KeyValueStore(raw, encoder).put(key, value)
    else new WindowStore(raw, encoder).put(key, windowStart, value)
  }

  /** Commits every task, with appends (of the first) if there are some. */
  commit(appends: readonly Append[] = []): void {
    this.tasks.forEach((task, index) => {
      const id = task.id + 1
      const frozen = task.state.freeze(id)
      const delta = drain(task.state.delta(frozen))
      const record: CheckpointRecord = {
        version: 1,
        atMs: 1000,
        lastDeltaId: delta === null ? 0 : id,
        inputs: {},
        sent: {},
      }
      const { producer, epoch } = task.producer
      const checkpoint = encodeCheckpoint(record)
      const [result] = this.log.commit([
        { producer, epoch, id, appends: index === 0 ? appends : [], delta, checkpoint },
      ])
      if (result?.outcome !== 'committed') throw new Error(`not committed: ${JSON.stringify(result)}`)
      task.id = id
      drain(task.state.commit(frozen))
    })
  }

  /** Writes the state of every task to files. */
  flush(): void {
    for (const { state, producer } of this.tasks) {
      drain(state.flush())
      this.log.flushed(producer.producer, state.flushedId)
    }
  }
}

/** One batch of records with string keys and JSON values. */
export function batch(records: readonly { key: string | null; value: unknown; timestamp: number }[]): Uint8Array {
  const encoder = new BatchEncoder()
  const utf8 = new TextEncoder()
  for (const { key, value, timestamp } of records) {
    const k = key === null ? null : utf8.encode(key)
    const v = value === null ? null : utf8.encode(JSON.stringify(value))
    encoder.append(timestamp, k, 0, k?.length ?? 0, v, 0, v?.length ?? 0, null)
  }
  return encoder.finish()
}
