import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkTopic, configFaults, configsFor, limitsOf, makeTopic, MOST_VALUE_BYTES } from '../../src/host/topics.ts'
import type { Cluster } from '../../src/net/cluster.ts'

/** A cluster of which every request is answered by the same. */
function answering(answer: unknown): Cluster {
  return { request: () => Promise.resolve(answer) } as unknown as Cluster
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
    code: 'ERR_KAFKA_TOPIC',
    message: /TOPIC_AUTHORIZATION_FAILED \(no\)/,
  })
  await makeTopic(answering([{ name: 's', error: 36, message: null }]), 's', 4, 'state', options)
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
