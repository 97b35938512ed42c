import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalLogPort } from '../../../src/log/embedded/local-log-port.ts'
import { batch, freshLog, text, transaction, values } from './harness.ts'

test('local port: commits at once, tells of advances after results, asks for flushes', () => {
  const { disk, log, stream } = freshLog({ journalMaxBytes: 1000 })
  const port = new LocalLogPort(log)
  const events: string[] = []
  port.onAdvanced(() => events.push('advanced'))
  port.onFlushWanted((producers) => events.push(`flush ${producers.join()}`))
  const append = (value: string) => [{ stream: 0, partition: 0, bytes: batch([value]) }]
  port.commit(transaction(1, append('a')), (result) => events.push(`${result.id} ${result.outcome}`))
  port.commit(transaction(2, []), (result) => events.push(`${result.id} ${result.outcome}`))
  port.commit(transaction(9, append('x')), (result) => events.push(`${result.id} ${result.outcome}`))
  assert.deepEqual(events, ['1 committed', 'advanced', '2 committed', '9 fenced'])
  events.length = 0
  for (let id = 3; !events.some((event) => event.startsWith('flush')) && id < 20; id++) {
    port.commit(transaction(id, [], { delta: text('d'.repeat(300)) }), () => {})
  }
  assert.deepEqual(events, ['flush p'])
  port.flushed('p', log.producer('p')?.id ?? 0)
  assert.deepEqual(log.flushWanted(), [])
  assert.deepEqual(values(disk, port, stream), ['a'])
})

test('local port: grouped commits wait for pump and are one group', () => {
  const { log } = freshLog()
  const port = new LocalLogPort(log, { grouped: true })
  const events: string[] = []
  port.onAdvanced(() => events.push('advanced'))
  for (let id = 1; id <= 3; id++) {
    const appends = [{ stream: 0, partition: 0, bytes: batch([`${id}`]) }]
    port.commit(transaction(id, appends), (result) => events.push(`${result.id} ${result.outcome}`))
  }
  assert.deepEqual(events, [])
  assert.equal(port.pump(), 3)
  assert.equal(port.pump(), 0)
  assert.deepEqual(events, ['1 committed', '2 committed', '3 committed', 'advanced'])
  assert.equal(log.statistics().groups, 1)
})

test('local port: after a full disk, pump makes what was committed visible and tells', () => {
  const { disk, log, stream } = freshLog()
  const port = new LocalLogPort(log)
  const events: string[] = []
  port.onAdvanced(() => events.push('advanced'))
  disk.failNext({ operation: 'write', errno: 'ENOSPC', path: 'streams' })
  port.commit(transaction(1, [{ stream: 0, partition: 0, bytes: batch(['a']) }]), (result) =>
    events.push(result.outcome),
  )
  assert.deepEqual(values(disk, port, stream), [])
  events.length = 0
  port.pump()
  assert.deepEqual(events, ['advanced'])
  assert.deepEqual(values(disk, port, stream), ['a'])
})
