import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TopicUse, TopicWatch, type WatchedTopic } from '../../src/host/topic-watch.ts'
import type { Cluster } from '../../src/net/cluster.ts'
import { InstantClock } from '../txn/instant-clock.ts'

interface Found {
  readonly error?: number
  readonly id?: string
  readonly partitions?: number
}

/** A watch over one topic, as brokers know it. */
function watching(use: TopicUse, found: Found) {
  const clock = new InstantClock()
  const state = { ...found }
  const metadata = (names: readonly string[] | null): Promise<unknown> => {
    const partitions = Array.from({ length: state.partitions ?? 2 })
    return Promise.resolve(names?.map((name) => ({ name, error: state.error ?? 0, id: state.id ?? 'a', partitions })))
  }
  const warnings: string[] = []
  const topics: readonly WatchedTopic[] = [{ topic: 'clicks', use, partitions: 2 }]
  const watch = new TopicWatch({
    cluster: { clock, metadata } as unknown as Cluster,
    job: 'a-job',
    topics: () => topics,
    onWarning: (text) => void warnings.push(text),
  })
  return { watch, clock, state, warnings }
}

const UNKNOWN = 3

test('ERR_KAFKA_TOPIC_MISSING: a topic that stays unknown was deleted; one that is unknown for a moment was not', async () => {
  const { watch, clock, state } = watching('output', {})
  await watch.look()
  for (let round = 0; round < 3; round++) {
    state.error = UNKNOWN
    await watch.look()
    await clock.sleep(9000)
    await watch.look()
    // Whoever has to do with it waits until it is back.
    const sleep = clock.sleep.bind(clock)
    clock.sleep = async (ms) => {
      state.error = 0
      return sleep(ms)
    }
    await watch.untilThere()
    clock.sleep = sleep
  }
  state.error = UNKNOWN
  const beganMs = clock.now()
  await assert.rejects(watch.untilThere(), {
    code: 'ERR_KAFKA_TOPIC_MISSING',
    message:
      /^topic "clicks", an output of job a-job, was deleted: it is not there any more\. .*goes on where it stood\.$/,
  })
  assert.equal(clock.now() - beganMs, 10_000)
})

test('ERR_KAFKA_TOPIC_MISSING: a topic of the same name that was made later is another one', async () => {
  for (const [use, says] of [
    ['input', /an input of .*positions mean nothing in another topic/],
    ['intermediate', /a stream between steps of .*on its way in it is lost/],
    ['state', /the state of .*State and positions of all tasks are gone/],
    ['control', /the control topic of .*sources and sinks stood is gone/],
  ] as const) {
    const { watch, state } = watching(use, { id: 'a' })
    await watch.look()
    state.id = 'b'
    await assert.rejects(watch.look(), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_KAFKA_TOPIC_MISSING')
      assert.match(error.message, /was deleted and made again/)
      assert.match(error.message, says)
      return true
    })
  }
})

test('a topic that may not be seen, or has no leader, is not gone; partitions that were added are told of once', async () => {
  const { watch, clock, state, warnings } = watching('input', {})
  for (const error of [29, 5]) {
    state.error = error
    for (let i = 0; i < 30; i++) {
      await watch.look()
      await clock.sleep(1000)
    }
  }
  assert.deepEqual(warnings, [])
  state.error = 0
  state.partitions = 3
  await watch.look()
  await watch.look()
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /topic clicks has 3 partitions now, and had 2/)
})
