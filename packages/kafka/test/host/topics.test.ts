import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  checkTopic,
  configFaults,
  configsFor,
  limitsOf,
  makeTopic,
  MOST_VALUE_BYTES,
  settledTopic,
} from '../../src/host/topics.ts'
import type { Cluster } from '../../src/net/cluster.ts'
import { InstantClock } from '../txn/instant-clock.ts'

/** A cluster of which every request is answered by the same, or by these and then by the last of them. */
function answering(...answers: readonly unknown[]): Cluster & { readonly clock: InstantClock } {
  const metadata = (): Promise<unknown> => Promise.resolve([{ error: 29 }])
  let asked = 0
  const request = (): Promise<unknown> => Promise.resolve(answers[Math.min(asked++, answers.length - 1)])
  return { request, metadata, clock: new InstantClock() } as unknown as Cluster & { readonly clock: InstantClock }
}

test('what is made is right: no fault is found in it', () => {
  for (const role of ['user', 'intermediate', 'state'] as const) {
    assert.deepEqual(configFaults(role, 'a-topic', configsFor(role, 1000)), [])
  }
})

test('a state topic that forgets is refused, and what to change is said', () => {
  const faults = configFaults('state', 'sums.1.state', { 'cleanup.policy': 'delete', 'delete.retention.ms': '1000' })
  assert.equal(faults.length, 2)
  assert.match(faults.join(), /cleanup\.policy of sums\.1\.state is delete: set it to compact/)
  assert.match(faults.join(), /delete\.retention\.ms of sums\.1\.state is 1000/)
  assert.equal(configFaults('intermediate', 't', { 'retention.ms': '604800000' }).length, 1)
  assert.deepEqual(configFaults('user', 't', { 'cleanup.policy': 'delete' }), [])
})

test('ERR_KAFKA_TOPIC: a topic that cannot serve, and one that cannot be made', async () => {
  const configs = [{ name: 'cleanup.policy', value: 'delete', readOnly: false, isDefault: true }]
  const described = answering([{ error: 0, message: null, name: 's', configs }])
  await assert.rejects(checkTopic(described, 's', 'state'), { code: 'ERR_KAFKA_TOPIC', message: /set it to compact/ })
  const options = { retentionMs: null, replicas: -1 }
  const denied = answering([{ name: 's', error: 29, message: 'no' }])
  await assert.rejects(makeTopic(denied, 's', 4, 'state', options), {
    code: 'ERR_KAFKA_DENIED',
    message: /topic s may neither be seen nor made by this user \(TOPIC_AUTHORIZATION_FAILED\)/,
  })
  const full = answering([{ name: 's', error: 38, message: 'no' }])
  await assert.rejects(makeTopic(full, 's', 4, 'state', options), {
    code: 'ERR_KAFKA_TOPIC',
    message: /INVALID_REPLICATION_FACTOR \(no\)/,
  })
  await makeTopic(answering([{ name: 's', error: 36, message: null }]), 's', 4, 'state', options)
})

test('ERR_KAFKA_NOT_READY: what a broker cannot do now is no fault of the topic', async () => {
  const options = { retentionMs: null, replicas: -1 }
  // The only broker was late to say that it lives.
  const fenced = [{ name: 's', error: 38, message: 'All brokers are currently fenced' }]
  const late = answering(fenced, fenced, fenced, [{ name: 's', error: 0, message: null }])
  const beganMs = late.clock.now()
  await makeTopic(late, 's', 4, 'state', options)
  assert.equal(late.clock.now() - beganMs, 300)
  const starting = answering([{ name: 's', error: 7, message: null }])
  await assert.rejects(makeTopic(starting, 's', 4, 'state', options), { code: 'ERR_KAFKA_NOT_READY' })
  const loading = answering([{ name: 's', error: 8, message: null, configs: [] }])
  await assert.rejects(checkTopic(loading, 's', 'state'), { code: 'ERR_KAFKA_NOT_READY' })
  assert.equal(await checkTopic(answering([{ name: 's', error: 29, message: null, configs: [] }]), 's', 'state'), null)
  await assert.rejects(settledTopic(answering(), 's'), { code: 'ERR_KAFKA_NOT_READY' })
})

test('what a topic takes: as it says, or as brokers have it by default where that may not be read', () => {
  const own = { 'max.message.bytes': '2000', 'message.timestamp.after.max.ms': '60000' }
  const { setBy: _, ...limits } = limitsOf('user', own)
  const infinity = Number.POSITIVE_INFINITY
  assert.deepEqual(limits, { maxBatchBytes: 2000, beforeMs: infinity, afterMs: 60_000 })
  const denied = limitsOf('user', null)
  assert.deepEqual([denied.maxBatchBytes, denied.beforeMs, denied.afterMs], [1_048_588, infinity, 3_600_000])
  const stamped = limitsOf('user', { ...own, 'message.timestamp.type': 'LogAppendTime' })
  assert.equal(stamped.afterMs, infinity)
  assert.equal(limitsOf('user', configsFor('user', null)).afterMs, infinity)
  assert.equal(limitsOf('intermediate', null).maxBatchBytes, 64 * 1024 * 1024)
})

test('own topics must take any time, and a state topic the largest value of a store', () => {
  const narrow = { 'message.timestamp.after.max.ms': '3600000', 'max.message.bytes': '1048588' }
  const [time, size] = configFaults('state', 's', narrow, 16_777_216)
  assert.match(time ?? '', /message\.timestamp\.after\.max\.ms of s is 3600000: set it to 9223372036854775807/)
  assert.match(size ?? '', /max\.message\.bytes of s is 1048588: set it to 17825792 or more, or lower .* maxValueBytes/)
  assert.deepEqual(configFaults('state', 's', configsFor('state', null), MOST_VALUE_BYTES), [])
  assert.equal(configFaults('intermediate', 't', { 'message.timestamp.type': 'LogAppendTime' }).length, 1)
})
