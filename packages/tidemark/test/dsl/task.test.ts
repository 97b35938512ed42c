import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJob, type Job, timer, string, stream, json } from '../../src/index.ts'
import type { TaskNode } from '../../src/dsl/topology.ts'
import type { TaskDef } from '../../src/api/task.ts'
import { hourly, perUser, visits } from './fixtures.ts'

function taskOf(job: Job): TaskDef {
  return (job.topology.nodes[0] as TaskNode).task
}

const idle = timer('event')

test('an object of handlers is the same for all tasks', () => {
  const seen: unknown[] = []
  const job = defineJob('x', {
    inputs: { visits },
    outputs: { hourly },
    stores: { perUser },
    timers: { idle },
    task: {
      visits: (message) => void seen.push(message.key),
      timers: { idle: (key, timeMs) => void seen.push([key, timeMs]) },
      every: { '10s': () => void seen.push('every'), '1m': () => undefined },
      init: () => void seen.push('init'),
      endOfStream: (input) => void seen.push(input),
    },
  })
  const task = taskOf(job)
  assert.deepEqual(
    [task.inputs, task.outputs, task.stores, task.timers],
    [{ visits }, { hourly }, { perUser }, { idle }],
  )
  const handlers = task.create({})
  handlers.on['visits']?.({ key: 'ada' }, {})
  handlers.onTimer['idle']?.('ada', 5, {})
  handlers.every[0]?.run({})
  handlers.init?.({})
  handlers.endOfStream?.('visits', {})
  assert.equal(handlers.close, null)
  assert.deepEqual(
    handlers.every.map((each) => each.periodMs),
    [10_000, 60_000],
  )
  assert.deepEqual(seen, ['ada', ['ada', 5], 'every', 'init', 'visits'])
})

test('a function makes handlers for each task, with its context', () => {
  const job = defineJob('x', {
    inputs: { visits },
    task: (context) => {
      let n = 0
      return { visits: (_message, { log }) => log.info(String(context.task), { n: ++n }) }
    },
  })
  const lines: unknown[] = []
  const log = { info: (line: string, fields: unknown) => lines.push([line, fields]) }
  const [first, second] = [taskOf(job).create({ task: 1 }), taskOf(job).create({ task: 2 })]
  first.on['visits']?.({}, { log })
  first.on['visits']?.({}, { log })
  second.on['visits']?.({}, { log })
  assert.deepEqual(lines, [
    ['1', { n: 1 }],
    ['1', { n: 2 }],
    ['2', { n: 1 }],
  ])
})

test('a class is made with its context, its methods keep their this, and may have others beside them', () => {
  class Counter {
    readonly #task: number
    constructor(context: { readonly task: number }) {
      this.#task = context.task
    }
    visits(): number {
      return this.helper()
    }
    helper(): number {
      return this.#task * 10
    }
    close(): number {
      return this.helper() + 1
    }
  }
  const job = defineJob('x', { inputs: { visits }, task: Counter as never })
  const handlers = taskOf(job).create({ task: 4 })
  assert.equal(handlers.on['visits']?.({}, {}), 40)
  assert.equal(handlers.close?.({}), 41)
})

function refuse(definition: unknown, code: string, message: RegExp): void {
  assert.throws(() => taskOf(defineJob('x', definition as never)).create({}), { code, message })
}

test('handlers that lack or are too many throw ERR_JOB_HANDLER', () => {
  const io = { inputs: { visits }, stores: { perUser } }
  refuse({ ...io, task: {} }, 'ERR_JOB_HANDLER', /input visits has no handler. Add visits\(message, context\)/)
  refuse({ ...io, task: { visits: 5 } }, 'ERR_JOB_HANDLER', /input visits has 5 for a handler/)
  refuse(
    { ...io, task: { visits() {}, vists() {} } },
    'ERR_JOB_HANDLER',
    /a handler vists, but no input .* are visits$/,
  )
  refuse({ ...io, task: () => 5 }, 'ERR_JOB_HANDLER', /returned 5/)
  refuse({ ...io, task: 5 }, 'ERR_JOB_HANDLER', /task is 5/)
  refuse({ ...io }, 'ERR_JOB_HANDLER', /task is undefined/)
  refuse({ ...io, task: { visits() {}, every: 5 } }, 'ERR_JOB_HANDLER', /every is 5/)
  refuse({ ...io, task: { visits() {}, every: { '1s': 5 } } }, 'ERR_JOB_HANDLER', /every\['1s'\] is 5/)
  refuse({ ...io, task: { visits() {}, init: 5 } }, 'ERR_JOB_HANDLER', /init is 5/)
  refuse({ ...io, task: { visits() {}, every: { '10 s': () => 1 } } }, 'ERR_DURATION', /every/)
  const timers = { idle }
  refuse({ ...io, timers, task: { visits() {} } }, 'ERR_JOB_HANDLER', /declares timers, but has no timers/)
  refuse({ ...io, timers, task: { visits() {}, timers: {} } }, 'ERR_JOB_HANDLER', /timer idle has no handler/)
  refuse(
    { ...io, task: { visits() {}, timers: { idle() {} } } },
    'ERR_JOB_HANDLER',
    /no timer of this name. .* are none/,
  )
})

test('what a task declares is checked', () => {
  const task = { visits(): void {} }
  refuse({ inputs: {}, task }, 'ERR_JOB_EMPTY', /name at least one stream/)
  refuse({ task }, 'ERR_JOB_EMPTY', /name at least one stream/)
  refuse({ inputs: { init: visits }, task: { init() {} } }, 'ERR_JOB_RESERVED', /'init' cannot be/)
  refuse({ inputs: { visits: 'visits' }, task }, 'ERR_JOB_DEFINITION', /inputs.visits is "visits"/)
  refuse({ inputs: [visits], task }, 'ERR_JOB_DEFINITION', /inputs is an array/)
  refuse({ inputs: { visits }, outputs: { o: perUser }, task }, 'ERR_JOB_DEFINITION', /outputs.o is/)
  refuse({ inputs: { visits }, stores: { s: visits }, task }, 'ERR_JOB_DEFINITION', /stores.s is/)
  refuse({ inputs: { visits }, timers: { t: 'event' }, task }, 'ERR_JOB_DEFINITION', /timers.t is "event"/)
  const other = stream('visits', { key: string(), value: json() })
  refuse({ inputs: { visits }, outputs: { other }, task }, 'ERR_JOB_DUPLICATE', /two different streams/)
  refuse({ inputs: { visits }, stores: { a: perUser, b: perUser }, task }, 'ERR_JOB_DUPLICATE', /by a and by b/)
})
