import assert from 'node:assert/strict'
import type { MemDisk } from '../../../src/disk/mem-disk.ts'
import { CrashRandom } from '../../../src/disk/mem/random.ts'
import type { EmbeddedLog } from '../../../src/log/embedded/embedded-log.ts'
import type { EmbeddedLogOptions } from '../../../src/log/embedded/options.ts'
import type { StreamInfo } from '../../../src/log/types.ts'
import { batch, concat, openLog, spec, text, untext, values } from './harness.ts'

const PARTITIONS = ['orders/0', 'orders/1', 'steps/0'] as const
const PRODUCERS = ['task-0', 'task-1', 'source'] as const

/** A transaction as the model sees it: values by partition. */
interface Planned {
  readonly producer: string
  readonly writes: ReadonlyMap<string, readonly string[]>
  readonly delta: string | null
  readonly checkpoint: string
}

/**
 * A deterministic life of a log, and a model of it: what was committed must be there, whole, once, in order. It can stop
 * at any operation of the disk, and go on from what recovery finds.
 */
export class Workload {
  readonly groups: readonly (readonly Planned[])[]
  readonly all: readonly Planned[]
  /** Transactions that were reported committed. */
  acknowledged = 0
  /** Transactions that were handed over. */
  submitted = 0
  /** What each producer has said to be flushed. */
  readonly flushed = new Map<string, number>()

  constructor(seed: number, groups = 14) {
    const random = new CrashRandom(seed)
    const made: Planned[][] = []
    let number = 0
    for (let i = 0; i < groups; i++) {
      const group: Planned[] = []
      for (let j = 0; j <= random.below(3); j++) group.push(plan(random, number++))
      made.push(group)
    }
    this.groups = made
    this.all = made.flat()
  }

  /** Goes on from transaction `done` (the start of a group or inside one) to the end. */
  run(log: EmbeddedLog, done = 0): void {
    const streams = openStreams(log)
    const epochs = new Map(PRODUCERS.map((producer) => [producer as string, log.claim(producer, '{}').epoch]))
    const ids = new Map(PRODUCERS.map((producer) => [producer as string, log.producer(producer)?.id ?? 0]))
    this.submitted = this.acknowledged = done
    let number = 0
    for (const [turn, group] of this.groups.entries()) {
      const rest = group.filter(() => number++ >= done)
      if (rest.length > 0) this.#commit(log, streams, rest, epochs, ids)
      if (turn % 3 === 2) this.#flush(log, PRODUCERS[turn % 2] as string)
      if (turn % 4 === 3) {
        this.#flush(log, 'source')
        const steps = streams.get('steps') as StreamInfo
        // Now all but a little, now all: then the segment that grows goes too.
        log.trim(steps.id, 0, log.offsets.end(steps.slot) - (turn % 8 === 3 ? 0 : 2))
      }
    }
  }

  #commit(
    log: EmbeddedLog,
    streams: ReadonlyMap<string, StreamInfo>,
    group: readonly Planned[],
    epochs: ReadonlyMap<string, number>,
    ids: Map<string, number>,
  ): void {
    const transactions = group.map((planned) => {
      const id = (ids.get(planned.producer) ?? 0) + 1
      ids.set(planned.producer, id)
      const appends = [...planned.writes].map(([where, list]) => {
        const [stream = '', partition] = where.split('/')
        const half = list.length >> 1
        const bytes = half > 0 ? concat(batch(list.slice(0, half), id), batch(list.slice(half), id)) : batch(list, id)
        return { stream: streams.get(stream)?.id ?? -1, partition: Number(partition), bytes }
      })
      const { producer, delta, checkpoint } = planned
      const epoch = epochs.get(producer) ?? 0
      return { producer, epoch, id, appends, delta: delta === null ? null : text(delta), checkpoint: text(checkpoint) }
    })
    this.submitted += group.length
    const results = log.commit(transactions)
    for (const result of results) assert.equal(result.outcome, 'committed', JSON.stringify(result.error))
    this.acknowledged += group.length
  }

  #flush(log: EmbeddedLog, producer: string): void {
    const id = log.producer(producer)?.id ?? 0
    // Said before the call: the state files would be durable by then.
    this.flushed.set(producer, id)
    log.flushed(producer, id)
  }

  /** Checks a recovered log against the model; returns how many transactions it has. `lossy`: acknowledged ones may miss. */
  check(disk: MemDisk, log: EmbeddedLog, lossy = false): number {
    let done = 0
    for (const producer of log.producers()) done += producer.id
    if (!lossy) assert.ok(done >= this.acknowledged, `${done} of ${this.acknowledged} acknowledged`)
    assert.ok(done <= this.submitted, `${done} of ${this.submitted} submitted`)
    const committed = this.all.slice(0, done)
    for (const name of PRODUCERS) {
      const own = committed.filter((planned) => planned.producer === name)
      const state = log.producer(name)
      assert.equal(state?.id ?? 0, own.length, `the id of ${name} is that of a prefix of what was submitted`)
      assert.equal(untext(state?.checkpoint ?? text('')), own.at(-1)?.checkpoint ?? '')
      this.#checkDeltas(log, name, own, lossy)
    }
    for (const where of PARTITIONS) {
      const [name = '', partition] = where.split('/')
      const stream = log.stream(name)
      const expected = committed.flatMap((planned) => planned.writes.get(where) ?? [])
      if (stream === undefined) {
        assert.deepEqual(expected, [])
        continue
      }
      const start = log.offsets.start(stream.slot + Number(partition))
      assert.equal(log.offsets.end(stream.slot + Number(partition)), expected.length, where)
      assert.deepEqual(values(disk, log, stream, Number(partition)), expected.slice(start), where)
      if (name === 'orders') assert.equal(start, 0)
    }
    return done
  }

  #checkDeltas(log: EmbeddedLog, producer: string, own: readonly Planned[], lossy: boolean): void {
    const flushed = this.flushed.get(producer) ?? 0
    if (lossy && flushed > own.length) return
    const expected = own.flatMap(({ delta }, i) => (delta === null || i + 1 <= flushed ? [] : [{ id: i + 1, delta }]))
    const deltas = log.deltas(producer, flushed).map(({ id, bytes }) => ({ id, delta: untext(bytes) }))
    assert.deepEqual(deltas, expected, `deltas of ${producer} after ${flushed}`)
  }
}

function plan(random: CrashRandom, number: number): Planned {
  const writes = new Map<string, string[]>()
  for (const where of PARTITIONS) {
    const count = random.below(4)
    if (count === 0) continue
    writes.set(
      where,
      Array.from({ length: count }, (_, i) => `${number}.${i} `.padEnd(10 + random.below(60), 'v')),
    )
  }
  const producer = PRODUCERS[random.below(PRODUCERS.length)] as string
  const delta = random.below(3) === 0 ? null : `delta ${number}`.padEnd(20 + random.below(100), 'd')
  return { producer, writes, delta, checkpoint: `checkpoint ${number}` }
}

function openStreams(log: EmbeddedLog): Map<string, StreamInfo> {
  const orders = log.createStream(spec('orders', 2))
  const steps = log.createStream(spec('steps', 1, { kind: 'intermediate' }))
  return new Map([
    ['orders', orders],
    ['steps', steps],
  ])
}

/** Small files, so that a short life has rolls, rotations and reclaims. */
export const SMALL = { journalMaxBytes: 6000, segmentMaxBytes: 700, trimOpenBytes: 50 } as const

export function openSmall(disk: MemDisk, more: Partial<EmbeddedLogOptions> = {}): EmbeddedLog {
  return openLog(disk, { ...SMALL, shared: new SharedArrayBuffer(16 * 8), ...more })
}
