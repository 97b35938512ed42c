import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/clock/clock.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts'
import { PartitionReader } from '../../src/log/embedded/partition-reader.ts'
import type { StreamReader } from '../../src/log/types.ts'
import { Input } from '../../src/runtime/input.ts'
import { FanOut, Operator } from '../../src/runtime/operators/operator.ts'
import { Pulse } from '../../src/runtime/pulse.ts'
import { Row } from '../../src/runtime/row.ts'
import { string } from '../../src/serde/string.ts'
import { batch, commit, spec, transaction } from '../log/embedded/harness.ts'

class Collect extends Operator {
  readonly values: unknown[] = []
  ends = 0

  override process(row: Row): void {
    this.values.push(row.value)
  }

  override end(): void {
    this.ends++
  }
}

/** A source input over batches of these values; its offsets begin at 0. */
function setting(wrap: (reader: StreamReader) => StreamReader = (reader) => reader) {
  const disk = new MemDisk()
  const log = EmbeddedLog.open({ disk, directory: '/data', job: 'job', clock: new ManualClock(), lock: false })
  const info = log.createStream(spec('s'))
  log.claim('p', '{}')
  const root = new Collect(new FanOut([]))
  const origin = { stream: 's', partition: 0, key: string(), value: string(), onKey: null }
  const reader = new PartitionReader({ disk, directory: '/data', stream: info, partition: 0, offsets: log.offsets })
  const input = new Input({
    origin: origin as never,
    kind: 'source',
    time: null,
    outOfOrderMs: 0,
    reader: wrap(reader),
    offsets: log.offsets,
    slot: info.slot,
    streamId: info.id,
    pulse: new Pulse(),
    root,
    producers: 0,
    restored: null,
    wait: () => {},
  })
  let id = 0
  const send = (...values: string[]): void =>
    commit(log, transaction(++id, [{ stream: info.id, partition: 0, bytes: batch(values, 1000) }]))
  const row = new Row(origin as never)
  const process = (): boolean => {
    input.process(
      row,
      () => 0,
      Number.POSITIVE_INFINITY,
      () => false,
    )
    return input.finish()
  }
  return { input, root, send, process }
}

test('an input takes nothing that comes behind its end of this run, be it in the middle of a batch', () => {
  const { input, root, send, process } = setting()
  send('a', 'b')
  input.setEnd(2)
  send('c', 'd')
  assert.equal(process(), true, 'the end was handled')
  assert.deepEqual([root.values, root.ends, input.position, input.ended], [['a', 'b'], 1, 2, true])
  send('e')
  assert.equal(process(), false)
  assert.deepEqual([root.values, root.ends, input.caughtUp, input.ended], [['a', 'b'], 1, true, true])
  // More of it, as another run would take: the record that the cursor stands on is not lost.
  input.setEnd(3)
  assert.equal(process(), true)
  assert.deepEqual([root.values, input.position], [['a', 'b', 'c'], 3])
})

test('a savepoint’s cut behind the end is reached at the end, and offsets of no record before an end are passed', () => {
  const { input, root, send, process } = setting()
  send('a', 'b', 'c', 'd')
  input.setEnd(2)
  input.setCut(4)
  process()
  assert.equal(input.atBarrier('s'), true)
  assert.deepEqual(root.values, ['a', 'b'])
  // Offsets 1 and 2 are of markers, say: the reader gives whole batches, whose records are those at 0 and 3.
  const gap = setting((reader) => ({
    position: 0,
    seek: (offset) => reader.seek(offset),
    close: () => reader.close(),
    read: (maxBytes) => {
      const read = reader.read(maxBytes)
      if (read === null) return null
      const bytes = Uint8Array.from(read.bytes)
      // The base offset of the second batch, in its first eight bytes.
      const first = 12 + new DataView(bytes.buffer).getInt32(8)
      new DataView(bytes.buffer).setBigInt64(first, 3n)
      return { bytes, start: read.start, end: 4 }
    },
  }))
  gap.send('a')
  gap.send('d')
  gap.send('x', 'y')
  gap.input.setEnd(2)
  assert.equal(gap.process(), true)
  assert.deepEqual([gap.root.values, gap.input.position, gap.input.ended], [['a'], 2, true])
  gap.input.setEnd(4)
  gap.process()
  assert.deepEqual(gap.root.values.slice(0, 2), ['a', 'd'])
})
