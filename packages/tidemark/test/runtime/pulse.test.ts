import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pulse, PulseWatch } from '../../src/runtime/pulse.ts'
import { stuckError } from '../../src/runtime/stuck-error.ts'

describe('the pulse of a container', () => {
  it('is silent for as long as no beat comes, by the clock of the one who looks', () => {
    const pulse = new Pulse()
    // As another thread sees it.
    const watch = new PulseWatch(new Pulse(pulse.shared), 1000)
    assert.deepEqual([watch.look(0), watch.look(500), watch.look(1000)], [0, 0, 0], 'it has not begun')
    pulse.beat()
    assert.deepEqual([watch.look(1500), watch.look(2000), watch.look(2600)], [0, 500, 1100])
    pulse.beat()
    assert.deepEqual([watch.look(3000), watch.look(3400)], [0, 400])
    pulse.rest()
    assert.deepEqual([watch.look(4000), watch.look(5000)], [0, 0], 'nothing more is expected of it')
  })

  it('a process that stood still for an hour does not take its containers for stuck', () => {
    const pulse = new Pulse()
    const watch = new PulseWatch(pulse, 1000)
    pulse.beat()
    watch.look(0)
    assert.equal(watch.look(3_600_000), 1000)
  })

  it('tells the step and the records it is at', () => {
    const pulse = new Pulse()
    assert.equal(pulse.place.stage, 'start')
    pulse.enter(3, 'message')
    assert.deepEqual(pulse.place, { stage: 'message', task: 3, stream: -1, offset: 0, count: 0 })
    pulse.records(7, 2 ** 40, 128)
    assert.deepEqual(pulse.place, { stage: 'message', task: 3, stream: 7, offset: 2 ** 40, count: 128 })
    assert.equal(pulse.beats, 2)
    pulse.enter(4, 'timer')
    assert.deepEqual([pulse.place.stage, pulse.place.task, pulse.place.stream], ['timer', 4, -1])
  })
})

describe('ERR_CONTAINER_STUCK', () => {
  const of = { job: 'visits', container: 1, tasks: [1, 3], silentMs: 3020 }

  it('names container, tasks, stream, partition and records', () => {
    const place = { stage: 'message', task: 3, stream: 0, offset: 20, count: 4 } as const
    const error = stuckError({ ...of, place, stream: 'clicks' })
    assert.match(
      error.message,
      /^container 1 \(tasks 1, 3 of job visits\) has not come back for 3 s from the handling of stream clicks, partition 3, one of the 4 records from offset 20 on/,
    )
    const details = {
      container: 1,
      task: 3,
      silentMs: 3020,
      stream: 'clicks',
      partition: 3,
      offset: 20,
      lastOffset: 23,
    }
    assert.deepEqual([error.code, error.details], ['ERR_CONTAINER_STUCK', details])
  })

  it('names the one record when it is known, and the step when it was at none', () => {
    const at = (stage: 'message' | 'timer' | 'init' | 'commit', stream: string | null): string =>
      stuckError({ ...of, tasks: [3], place: { stage, task: 3, stream: 0, offset: 9, count: 1 }, stream }).message
    assert.match(at('message', 'clicks'), /\(task 3 of job visits\).* partition 3, offset 9, so it was ended/)
    assert.match(at('timer', null), /from a timer or period of task 3, so/)
    assert.match(at('init', null), /from the init hook of task 3, so/)
    assert.match(at('commit', null), /from the commit of task 3, so/)
  })
})
