import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeMark } from '../../src/checkpoint/marks.ts'
import type { ProducerMark } from '../../src/checkpoint/marks.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts'
import { PartitionReader } from '../../src/log/embedded/partition-reader.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import { Input } from '../../src/runtime/input.ts'
import { OutputBuffer } from '../../src/runtime/output-buffer.ts'
import { FanOut, NOTHING, Operator } from '../../src/runtime/operators/operator.ts'
import { RepartitionOperator } from '../../src/runtime/operators/outputs.ts'
import { Pulse } from '../../src/runtime/pulse.ts'
import { SourceEnds } from '../../src/runtime/source-ends.ts'
import { Row } from '../../src/runtime/row.ts'
import { string } from '../../src/serde/string.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { batch, commit, spec, transaction } from '../log/embedded/harness.ts'

/** Lets nothing through but the progress of event time. */
class FilterAll extends Operator {
  override process(): void {}
}

function setting(sent: ProducerMark | null = null) {
  const disk = new MemDisk()
  const log = EmbeddedLog.open({ disk, directory: '/data', job: 'job', clock: new ManualClock(), lock: false })
  const info = log.createStream(spec('s'))
  const out = log.createStream(spec('out'))
  log.claim('p', '{}')
  const outputs = new OutputBuffer()
  const serde = string() as unknown as Serde<unknown>
  const ends = new SourceEnds()
  const options = { key: serde, value: serde, raw: true, producer: 0, producers: 1, ends, dropped: () => {} }
  const repartition = new RepartitionOperator({ ...options, output: outputs.stream(out), sent })
  repartition.next = NOTHING
  const root = new FilterAll(new FanOut([repartition]))
  const origin = { stream: 's', partition: 0, key: string(), value: string(), onKey: null }
  const input = new Input({
    origin: origin as never,
    kind: 'source',
    time: null,
    outOfOrderMs: 0,
    reader: new PartitionReader({ disk, directory: '/data', stream: info, partition: 0, offsets: log.offsets }),
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
  const send = (value: string, timestamp: number): void => {
    commit(log, transaction(++id, [{ stream: info.id, partition: 0, bytes: batch([value], timestamp) }]))
    const row = new Row(origin as never)
    input.process(
      row,
      () => 0,
      1,
      () => false,
    )
    input.advance()
  }
  const mark = (): ProducerMark | null => repartition.appendMarks()
  return { input, repartition, outputs, send, mark }
}

describe('an input that was idle', () => {
  it('holds event time back again once rows come, though all of them are filtered out before the repartition', () => {
    const { input, send, mark, repartition } = setting()
    send('a', 100)
    assert.deepEqual(mark(), { kind: 'watermark', watermarkMs: 100 })
    input.idle()
    assert.deepEqual(mark(), { kind: 'idle', watermarkMs: 100 })
    // Not newer than what came before, so that the watermark alone would say nothing.
    send('b', 50)
    assert.ok(repartition.markDue)
    assert.deepEqual(mark(), { kind: 'watermark', watermarkMs: 100 })
    assert.ok(!repartition.markDue)
  })

  it('so does one that was idle before a restart', () => {
    const { outputs, repartition } = setting()
    repartition.advance(7)
    repartition.idle()
    repartition.appendMarks()
    const [append] = outputs.seal()
    const cursor = new RecordCursor()
    cursor.reset(append?.bytes ?? assert.fail('no mark'))
    assert.ok(cursor.nextBatch() && cursor.next())
    assert.equal(decodeMark(cursor.bytes, cursor.valueStart, cursor.valueEnd).kind, 'idle')
    const restored = setting(repartition.appendMarks())
    assert.ok(!restored.repartition.markDue)
    restored.send('c', 10)
    assert.equal(restored.mark()?.kind, 'watermark')
  })
})
