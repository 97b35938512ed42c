import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { defineJob, json, kv, stream, string, uint } from '../../src/index.ts'
import { testJob } from '../../src/testing/index.ts'

interface Click {
  readonly at: number
}

const clicks = stream('clicks', { key: string(), value: json<Click>(), time: (click) => click.at })
const seen = stream('seen', { key: string(), value: string() })

/** Counts clicks of a user since the last pause of ten seconds. `hang` makes the next message wait for ever. */
function counting(time: 'event' | 'processing'): {
  readonly job: ReturnType<typeof defineJob>
  readonly counts: typeof counts
  hang: boolean
} {
  const counts = kv('counts', { key: string(), value: uint(), ttl: { after: '10s', time } })
  const control = { hang: false }
  const job = defineJob('counting', {
    inputs: { clicks },
    outputs: { seen },
    stores: { counts },
    task: {
      clicks: ({ key, value }, { stores, send }) => {
        const count = stores.counts.update(key, (n) => (n ?? 0) + 1)
        send.seen(key, `${key} ${value.at}: ${count}`)
        if (!control.hang) return undefined
        control.hang = false
        return new Promise(() => {})
      },
    },
  })
  return Object.assign(control, { job, counts })
}

describe('TTL in a job', () => {
  it('by event time: the times of records end entries; what is ended is gone from the store and its count', () => {
    const { job, counts } = counting('event')
    const t = testJob(job)
    for (const at of [0, 1000, 10_000, 20_500, 20_600]) t.send(clicks, 'ada', { at })
    t.send(clicks, 'bob', { at: 20_700 })
    assert.deepEqual(t.values(seen), [
      'ada 0: 1',
      'ada 1000: 2',
      'ada 10000: 3',
      'ada 20500: 1',
      'ada 20600: 2',
      'bob 20700: 1',
    ])
    t.advance('9s')
    assert.equal(t.store(counts).get('ada'), 2)
    t.advance('1s')
    assert.equal(t.store(counts).get('ada'), undefined)
    assert.equal(t.store(counts).get('bob'), undefined)
    t.crash()
    assert.deepEqual(t.store(counts).entries(), [])
    t.close()
  })

  it('by processing time: the clock ends entries, whatever the messages say, and does not go back after a crash', () => {
    const { job, counts } = counting('processing')
    const t = testJob(job, { startMs: 1_000_000 })
    t.send(clicks, 'ada', { at: 0 })
    t.send(clicks, 'ada', { at: 999_999 })
    t.advance('9s')
    assert.equal(t.store(counts).get('ada'), 2)
    t.crash()
    assert.equal(t.store(counts).get('ada'), 2)
    t.advance('1s')
    t.send(clicks, 'ada', { at: 999_999 })
    assert.equal(t.store(counts).get('ada'), 1)
    t.close()
  })

  it('S2: by event time, a replay after crashes comes to the same entries and messages', () => {
    const message = fc.record({
      key: fc.constantFrom('ada', 'bob', 'eve'),
      // Mostly forwards, sometimes late.
      step: fc.integer({ min: -3000, max: 9000 }),
      fault: fc.constantFrom('go on', 'go on', 'go on', 'crash', 'hang'),
    })
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 40, size: 'max' }), (messages) => {
        const run = (faults: boolean): unknown => {
          const counted = counting('event')
          const t = testJob(counted.job)
          let at = 100_000
          const crash = (): void => {
            counted.hang = false
            t.crash()
          }
          for (const { key, step, fault } of messages) {
            at += step
            // A handler that never settles: what follows is not processed, nor is it committed, before the crash.
            counted.hang = faults && fault === 'hang'
            t.send(clicks, key, { at })
            if (faults && fault === 'crash') crash()
          }
          if (faults) crash()
          const result = { messages: t.values(seen), entries: t.store(counted.counts).entries() }
          t.close()
          return result
        }
        assert.deepEqual(run(true), run(false))
      }),
      { numRuns: 30 },
    )
  })
})
