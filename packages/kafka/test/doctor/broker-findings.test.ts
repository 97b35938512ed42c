import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerFindings, clockFinding } from '../../src/doctor/broker-findings.ts'
import type { BrokerFacts } from '../../src/doctor/facts.ts'
import { NEEDED_APIS } from '../../src/doctor/needed-apis.ts'

const WELL: BrokerFacts = {
  id: 1,
  address: 'a:9092',
  failure: null,
  apis: NEEDED_APIS.map(({ key, version }) => ({ key, min: 0, max: version + 1 })),
  features: [{ name: 'transaction.version', level: 2 }],
  configs: {
    'group.min.session.timeout.ms': '6000',
    'transaction.state.log.replication.factor': '3',
    'offsets.topic.replication.factor': '3',
    'unclean.leader.election.enable': 'false',
  },
  disks: [{ path: '/kafka', totalBytes: 1000, usableBytes: 500 }],
}

function found(broker: Partial<BrokerFacts>, brokers = 3): string[] {
  const others = Array.from({ length: brokers - 1 }, (_, i) => ({ ...WELL, id: i + 2 }))
  const findings = brokerFindings({ addresses: [], brokers: [{ ...WELL, ...broker }, ...others] })
  for (const { level, advice } of findings) assert.equal(advice === null, level === 'ok')
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, subject }) => `${level} ${check}: ${subject}`)
}

const HERE = 'broker 1 (a:9092)'

test('brokers that are well have nothing but ok', () => assert.deepEqual(found({}), []))

test('an address that nobody answers at is a warning while others do', () => {
  const addresses = [
    { address: 'a:9092', failure: null },
    { address: 'b:9092', failure: 'broker b:9092 cannot be reached: ECONNREFUSED' },
  ]
  const findings = brokerFindings({ addresses, brokers: [] })
  assert.deepEqual(
    findings.map(({ level, subject }) => `${level} ${subject}`),
    ['ok address a:9092', 'warning address b:9092'],
  )
})

test('a broker that is not reached by the address that it tells', () => {
  assert.deepEqual(found({ failure: 'broker inner:9092 cannot be reached: ENOTFOUND' }), [
    `problem broker.reach: ${HERE}`,
  ])
})

test('requests that are needed and that a broker lacks are named', () => {
  const apis = (WELL.apis ?? [])
    .map((each) => (each.key === 26 ? { ...each, max: 4 } : each))
    .filter(({ key }) => key !== 28)
  const [first] = brokerFindings({ addresses: [], brokers: [{ ...WELL, apis }] }).filter(
    ({ level }) => level === 'problem',
  )
  assert.equal(first?.check, 'broker.versions')
  assert.equal(first?.text, 'does not speak EndTxn 5, TxnOffsetCommit 5')
})

test('transactions v2 that are off', () => {
  const off = `problem broker.transactions: ${HERE}`
  assert.deepEqual(found({ features: [{ name: 'transaction.version', level: 1 }] }), [off])
  assert.deepEqual(found({ features: [] }), [off])
})

test('configurations: leases, copies, unclean elections; and those that may not be read', () => {
  const config = (more: Readonly<Record<string, string>>): string[] => found({ configs: { ...WELL.configs, ...more } })
  assert.deepEqual(config({ 'group.min.session.timeout.ms': '30000' }), [`problem broker.session: ${HERE}`])
  assert.deepEqual(config({ 'offsets.topic.replication.factor': '1' }), [`warning broker.copies: ${HERE}`])
  const alone = { ...WELL.configs, 'offsets.topic.replication.factor': '1' }
  assert.deepEqual(found({ configs: alone }, 1), [], 'one broker cannot have three copies')
  assert.deepEqual(config({ 'unclean.leader.election.enable': 'true' }), [`warning broker.unclean: ${HERE}`])
  assert.deepEqual(found({ configs: null }), [`warning broker.config: ${HERE}`])
})

test('disks of brokers', () => {
  const disk = (usableBytes: number): string[] => found({ disks: [{ path: '/kafka', totalBytes: 1000, usableBytes }] })
  assert.deepEqual(disk(90), [`warning broker.disk: ${HERE}`])
  assert.deepEqual(disk(10), [`problem broker.disk: ${HERE}`])
  assert.deepEqual(found({ disks: null }), [])
})

test('clocks: what the answer took is not held against them', () => {
  const level = (aheadMs: number, withinMs: number): string => clockFinding({ broker: 1, aheadMs, withinMs }).level
  assert.equal(level(500, 10), 'ok')
  assert.equal(level(5000, 6000), 'ok')
  assert.equal(level(-5000, 10), 'warning')
  assert.equal(level(600_000, 10), 'problem')
  assert.match(clockFinding({ broker: 1, aheadMs: -5000, withinMs: 0 }).text, /5\.0 s behind/)
})
