import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, type KeyValueStore, kv, string, timer, uint } from '../../src/index.ts'
import { runSettings } from '../../src/runtime/settings.ts'
import { testJob } from '../../src/testing/index.ts'
import { lines, order, orders } from './streams.ts'

const sums = kv('sums', { key: string(), value: uint() })

describe('errors of handlers', () => {
  it('ERR_HANDLER_FAILED names stream, partition, offset and key', () => {
    const job = defineJob('failing', {
      inputs: { orders },
      task: {
        orders: (message) => {
          if (message.value.count === 13) throw new RangeError('thirteen')
        },
      },
    })
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 1))
    assert.throws(
      () => t.send(orders, 'bob', order('tea', 13)),
      (error: Error & { code?: string; details?: object }) => {
        assert.equal(error.code, 'ERR_HANDLER_FAILED')
        assert.match(error.message, /orders/)
        assert.match(error.message, /partition 0/)
        assert.match(error.message, /offset 1/)
        assert.match(error.message, /key .?bob/)
        assert.match(error.message, /thirteen/)
        assert.ok(error.cause instanceof RangeError)
        return true
      },
    )
    t.close()
  })

  it('ERR_STEP_ASYNC: a step that returns a promise is refused', () => {
    const job = defineJob('async-step', (j) =>
      j
        .from(orders)
        .map((o) => Promise.resolve(o.item) as unknown as string)
        .to(lines),
    )
    const t = testJob(job)
    assert.throws(
      () => t.send(orders, 'ada', order('tea', 1)),
      (error: Error & { code?: string; details?: object }) => {
        assert.equal(error.code, 'ERR_STEP_ASYNC')
        assert.match(error.message, /stream orders, partition 0, offset 0, key ada: step map-1 returned a promise/)
        assert.deepEqual(error.details, { stream: 'orders', partition: 0, offset: 0, key: 'ada', step: 'map-1' })
        return true
      },
    )
    t.close()
    const dropping = testJob(job, { onError: 'drop' })
    assert.throws(() => dropping.send(orders, 'ada', order('tea', 1)), { code: 'ERR_STEP_ASYNC' }, 'no policy hides it')
    dropping.close()
  })

  it('a hook or timer that fails is not blamed on the last record, nor is that record put aside', () => {
    const due = timer('event')
    const failures = { ...orders, name: 'failures' }
    const job = defineJob('timing', {
      inputs: { orders },
      outputs: { failures },
      timers: { due },
      task: {
        orders: ({ key, value }, { timers }) => timers.due.set(key, value.at + 10),
        timers: {
          due: () => {
            throw new Error('too late')
          },
        },
      },
    })
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 1, 0))
    assert.throws(() => t.send(orders, 'bob', order('tea', 1, 50_000)), {
      code: 'ERR_HANDLER_FAILED',
      message: /failed at its timer or period: too late/,
      details: {},
    })
    t.close()
    const aside = testJob(job, { onError: { deadLetter: 'failures' } })
    aside.send(orders, 'bob', order('tea', 1, 0))
    aside.send(orders, 'ada', order('tea', 1, 50_000))
    assert.deepEqual([aside.dropped, aside.deadLettered], [1, 0])
    assert.deepEqual(aside.messages(failures), [])
    aside.close()
  })

  it('ERR_CONTEXT_CLOSED: stores, outputs and timers are for the time of a handler only', () => {
    let kept: KeyValueStore<string, number> | null = null
    let send: ((key: string, value: string) => void) | null = null
    const job = defineJob('keeping', {
      inputs: { orders },
      outputs: { lines },
      stores: { sums },
      task: {
        orders: (message, context) => {
          context.stores.sums.put(message.key, message.value.count)
          kept = context.stores.sums
          send = context.send.lines
        },
      },
    })
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 4))
    assert.throws(() => kept?.get('ada'), { code: 'ERR_CONTEXT_CLOSED' })
    assert.throws(() => kept?.put('ada', 5), { code: 'ERR_CONTEXT_CLOSED' })
    assert.throws(() => send?.('ada', 'x'), { code: 'ERR_CONTEXT_CLOSED' })
    assert.equal(t.store(sums).get('ada'), 4)
    t.close()
  })

  it('ERR_RUN_ENDED is the reason of the signal of a task that was closed', () => {
    let signal: AbortSignal | null = null
    const job = defineJob('signal', {
      inputs: { orders },
      task: {
        orders: (_message, context) => {
          signal = context.signal
        },
      },
    })
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 1))
    const seen = signal as unknown as AbortSignal
    assert.equal(seen.aborted, false)
    t.close()
    assert.equal(seen.aborted, true)
    assert.equal((seen.reason as { code: string }).code, 'ERR_RUN_ENDED')
  })
})

describe('policies', () => {
  const strict = defineJob('strict', {
    inputs: { orders },
    stores: { sums },
    task: {
      orders: ({ key, value }, { stores }) => {
        if (value.count === 13) throw new Error('thirteen')
        stores.sums.update(key, (n) => (n ?? 0) + value.count)
      },
    },
  })
  const failures = { ...orders, name: 'failures' }

  it('drop: goes on and counts', () => {
    const t = testJob(strict, { onError: 'drop' })
    for (const count of [1, 13, 2]) t.send(orders, 'ada', order('tea', count))
    assert.equal(t.store(sums).get('ada'), 3)
    assert.equal(t.dropped, 1)
    t.close()
  })

  it('deadLetter: the record as it came, with cause and place in headers', () => {
    const sink = defineJob('strict', {
      inputs: { orders },
      outputs: { failures },
      task: {
        orders: ({ value }) => {
          if (value.count === 13) throw new Error('thirteen')
        },
      },
    })
    const t = testJob(sink, { onError: { deadLetter: 'failures' } })
    for (const count of [1, 13, 2]) t.send(orders, 'ada', order('tea', count, 70 + count))
    const [message, ...more] = t.messages(failures)
    assert.deepEqual(more, [])
    assert.deepEqual([message?.key, message?.value, message?.timestamp], ['ada', order('tea', 13, 83), 83])
    const headers = message?.headers.map(([name, value]) => [name, new TextDecoder().decode(value ?? undefined)])
    assert.deepEqual(headers, [
      ['tm-error', 'thirteen'],
      ['tm-stream', 'orders'],
      ['tm-partition', '0'],
      ['tm-offset', '1'],
    ])
    assert.deepEqual([t.dropped, t.deadLettered], [0, 1])
    t.close()
  })
})

describe('runSettings', () => {
  const of = (options: Parameters<typeof runSettings>[0]): (() => unknown) => {
    return () => runSettings(options, { containers: 2 })
  }

  it('fills in defaults; a handler has nine tenths of the time of a commit', () => {
    const settings = runSettings({ commit: { timeoutMs: 1000 } }, { containers: 2 })
    assert.equal(settings.containers, 2)
    assert.equal(settings.partitions, 4)
    assert.equal(settings.container.handlerTimeoutMs, 900)
    assert.deepEqual(settings.container.timing, { intervalMs: 1000, maxDelayMs: 1000, timeoutMs: 1000 })
  })

  it('ERR_OPTION names the option and its range', () => {
    const refused = (message: RegExp): object => ({ code: 'ERR_OPTION', message })
    assert.throws(of({ containers: -1 }), refused(/containers is -1: .* from 0 to 256/))
    assert.throws(of({ partitions: 1.5 }), refused(/partitions is 1.5/))
    assert.throws(of({ maxRestarts: Number.NaN }), refused(/maxRestarts is NaN/))
    assert.throws(of({ drainTimeoutMs: 0 }), refused(/drainTimeoutMs is 0/))
    assert.throws(of({ idleMs: 0 }), refused(/idleMs is 0/))
    assert.throws(of({ commit: { intervalMs: 0 } }), refused(/commit.intervalMs is 0/))
    assert.throws(
      of({ commit: { maxDelayMs: 900, timeoutMs: 800 } }),
      refused(/maxDelayMs \(900\) is above .* \(800\)/),
    )
    assert.throws(of({ engine: 'paper' }), {
      code: 'ERR_ENGINE_UNKNOWN',
      message: /engine: there is no engine "paper"/,
    })
  })
})
