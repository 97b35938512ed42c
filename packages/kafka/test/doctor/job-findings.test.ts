import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPERATION } from '../../src/doctor/acl-operations.ts'
import type { JobFacts, TopicFacts } from '../../src/doctor/facts.ts'
import { jobFindings } from '../../src/doctor/job-findings.ts'
import { configsFor } from '../../src/host/topics.ts'

const ALL = Object.values(OPERATION).reduce((bits, bit) => bits | (1 << bit), 0)
const without = (operation: keyof typeof OPERATION): number => ALL & ~(1 << OPERATION[operation])
const INVALID_PRODUCER_ID_MAPPING = 49
const DENIED = { topic: 29, group: 30, transactionalId: 53 }

function partitions(count: number, copies = 3, inSync = copies): TopicFacts['partitions'] {
  const nodes = Array.from({ length: copies }, (_, i) => i + 1)
  return Array.from({ length: count }, (_, partition) => {
    return { error: 0, partition, leader: 1, leaderEpoch: 0, replicas: nodes, inSync: nodes.slice(0, inSync) }
  })
}

const INPUT: TopicFacts = {
  name: 'visits',
  role: 'user',
  use: 'read',
  wanted: 4,
  error: 0,
  partitions: partitions(4),
  rights: ALL,
  configs: { 'retention.ms': '604800000', 'min.insync.replicas': '2' },
  making: null,
}
const OUTPUT: TopicFacts = { ...INPUT, name: 'counts', use: 'write' }
const STATE: TopicFacts = {
  ...INPUT,
  name: 'job.1.state',
  role: 'state',
  use: 'both',
  configs: { ...configsFor('state', null), 'min.insync.replicas': '2' },
}
const BETWEEN: TopicFacts = {
  ...STATE,
  name: 'job.1.by-user.repartition',
  role: 'intermediate',
  configs: { ...configsFor('intermediate', null), 'min.insync.replicas': '2' },
}
const WELL: JobFacts = {
  job: 'job',
  principal: 'User:ada',
  brokers: 3,
  commitTimeoutMs: 30_000,
  topics: [INPUT, OUTPUT, STATE, BETWEEN],
  groups: [{ group: 'job', error: 0, rights: ALL }],
  transactions: { id: 'tidemark.job.task:job/0', error: INVALID_PRODUCER_ID_MAPPING },
}

function found(facts: Partial<JobFacts>, maxTransactionMs: number | null = 900_000): string[] {
  const findings = jobFindings({ ...WELL, ...facts }, maxTransactionMs)
  for (const { level, advice } of findings) assert.equal(advice === null, level === 'ok')
  return findings.filter(({ level }) => level !== 'ok').map(({ level, check }) => `${level} ${check}`)
}

const withTopic = (topic: TopicFacts, more: Partial<TopicFacts>): string[] => found({ topics: [{ ...topic, ...more }] })

test('a job that has what it needs has nothing but ok', () => assert.deepEqual(found({}), []))

test('topics that are missing: made by the first run, or to be made, or not allowed', () => {
  const missing = { error: 3, partitions: [], rights: null, configs: null, making: { error: 0, message: null } }
  assert.deepEqual(withTopic(STATE, missing), [])
  assert.deepEqual(withTopic(INPUT, missing), ['warning topic.missing'])
  const denied = { ...missing, making: { error: DENIED.topic, message: null } }
  assert.deepEqual(withTopic(STATE, denied), ['problem topic.missing'])
  assert.deepEqual(withTopic(STATE, { ...missing, making: { error: 38, message: 'only 1 broker' } }), [
    'problem topic.missing',
  ])
})

test('rights: the advice is the command that gives them', () => {
  assert.deepEqual(withTopic(INPUT, { error: DENIED.topic, partitions: [], rights: null }), ['problem topic.there'])
  assert.deepEqual(withTopic(INPUT, { rights: without('Read') }), ['problem topic.rights'])
  assert.deepEqual(withTopic(INPUT, { rights: without('Write') }), [], 'an input is not written')
  assert.deepEqual(withTopic(OUTPUT, { rights: without('Write') }), ['problem topic.rights'])
  assert.deepEqual(withTopic(BETWEEN, { rights: without('Delete') }), ['problem topic.rights'])
  assert.deepEqual(withTopic(OUTPUT, { configs: null }), ['warning topic.rights'])
  const [first] = jobFindings({ ...WELL, topics: [{ ...OUTPUT, rights: without('Write') }] }, null)
  assert.match(first?.advice ?? '', /--allow-principal User:ada --operation Write --topic counts\./)
})

test('partitions: their number, their leaders, their copies', () => {
  assert.deepEqual(withTopic(INPUT, { partitions: partitions(3) }), ['problem topic.partitions'])
  const leaderless = partitions(4).map((each) => (each.partition === 2 ? { ...each, leader: -1 } : each))
  assert.deepEqual(withTopic(INPUT, { partitions: leaderless }), ['problem topic.leader'])
  assert.deepEqual(withTopic(INPUT, { partitions: partitions(4, 3, 2) }), ['warning topic.in-sync'])
  assert.deepEqual(withTopic(INPUT, { partitions: partitions(4, 1) }), ['warning topic.copies'])
})

test('min.insync.replicas of what is written', () => {
  const minimum = (value: string): Partial<TopicFacts> => ({
    configs: { ...OUTPUT.configs, 'min.insync.replicas': value },
  })
  assert.deepEqual(withTopic(OUTPUT, minimum('4')), ['problem topic.min-in-sync'])
  assert.deepEqual(withTopic(OUTPUT, minimum('3')), ['warning topic.min-in-sync'])
  assert.deepEqual(withTopic(OUTPUT, minimum('1')), ['warning topic.min-in-sync'])
  assert.deepEqual(withTopic(INPUT, minimum('1')), [])
})

test('configurations that lose state or records', () => {
  const config = (topic: TopicFacts, key: string, value: string): string[] => {
    return withTopic(topic, { configs: { ...topic.configs, [key]: value } })
  }
  assert.deepEqual(config(STATE, 'cleanup.policy', 'delete'), ['problem topic.config'])
  assert.deepEqual(config(STATE, 'delete.retention.ms', '1000'), ['problem topic.config'])
  assert.deepEqual(config(BETWEEN, 'retention.ms', '604800000'), ['problem topic.config'])
  assert.deepEqual(config(INPUT, 'retention.ms', '3600000'), ['warning topic.retention'])
  assert.deepEqual(config(INPUT, 'retention.ms', '-1'), [])
})

test('groups and transactional ids', () => {
  assert.deepEqual(found({ groups: [{ group: 'job', error: DENIED.group, rights: 0 }] }), ['problem group.rights'])
  assert.deepEqual(found({ groups: [{ group: 'job', error: 0, rights: without('Read') }] }), ['problem group.rights'])
  const transactions = { id: 'x', error: DENIED.transactionalId }
  assert.deepEqual(found({ transactions }), ['problem transactions.rights'])
  assert.deepEqual(found({}, 10_000), ['problem transactions.timeout'])
  assert.deepEqual(found({}, null), [])
})
