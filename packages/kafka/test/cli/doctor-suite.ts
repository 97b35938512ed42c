import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import type { Finding } from 'tidemark/system'
import { SUMS } from '../job/support.ts'
import { kafka } from './cli-broker.ts'

interface Examined {
  readonly exit: number | null
  readonly findings: readonly Finding[]
  /** `level check: subject` of what is not well, brokers and job only. */
  readonly bad: readonly string[]
}

/* On the broker of the file that imports this, which knows of no job yet. */
describe('tidemark doctor on Kafka', { skip: kafkaMissing() ?? false }, () => {
  async function doctor(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Examined> {
    const all = ['doctor', ...args, '--json', '--data-dir', join(kafka.root, 'data'), '--partitions', '2']
    const outcome = await kafka.run(all, { environment })
    const rows = outcome.out.split('\n').filter((line) => line !== '')
    const findings = rows.map((line) => JSON.parse(line) as Finding)
    assert.ok(findings.length > 0, outcome.error)
    const remote = findings.filter(({ check }) => /^(broker|topic|group|transactions)/.test(check))
    const bad = remote.filter(({ level }) => level !== 'ok')
    return {
      exit: outcome.exit,
      findings,
      bad: bad.map(({ level, check, subject }) => `${level} ${check}: ${subject}`),
    }
  }

  before(async () => {
    await kafka.peer.createTopic('payments', 2)
    await kafka.peer.createTopic('totals', 2)
  })

  test('a healthy cluster: every broker is reached, its clock agrees, and the job may do what it needs', async () => {
    const { exit, findings, bad } = await doctor([SUMS.pathname, '--probe'])
    assert.deepEqual(bad, [])
    assert.equal(exit, findings.some(({ level }) => level === 'problem') ? 1 : 0)
    const checks = findings.map(({ check }) => check)
    for (const check of [
      'broker.reach',
      'broker.versions',
      'broker.transactions',
      'broker.clock',
      'transactions.rights',
    ])
      assert.ok(checks.includes(check), check)
    const made = findings.filter(({ check }) => check === 'topic.missing').map(({ subject }) => subject)
    assert.ok(made.includes('topic sums.1.state'), 'nothing was made by looking')
    const topics = await kafka.run(['streams', 'list', '--all'])
    assert.doesNotMatch(topics.out, /doctor|sums/)
  })

  test('what is printed for people names what to do', async () => {
    const { out, exit } = await kafka.run(['doctor', '--brokers', `${kafka.server.brokers},127.0.0.1:1`])
    assert.equal(exit, 0, out)
    assert.match(out, /^ok {7}broker 1 \(127\.0\.0\.1:\d+\): transactions v2 are on$/m)
    assert.match(out, /^warning {2}address 127\.0\.0\.1:1: .*ECONNREFUSED.*\n {9}\S/m)
    assert.match(out, /^0 problems, \d warnings?, \d+ ok$/m)
  })

  test('a sick one: topics that lose state, another number of partitions, timeouts that are refused', async () => {
    await kafka.peer.createTopic('sums.1.state', 3, { 'cleanup.policy': 'delete' })
    const { exit, bad } = await doctor([SUMS.pathname, '--commit-timeout', '20m'])
    assert.equal(exit, 1)
    assert.deepEqual(bad, [
      'problem topic.partitions: topic sums.1.state',
      // It loses state, and takes no large values.
      'problem topic.config: topic sums.1.state',
      'problem topic.config: topic sums.1.state',
      'problem transactions.timeout: transactional ids tidemark.sums.*',
    ])
    await kafka.peer.deleteTopic('sums.1.state')
  })

  test('rights that are missing are named, with the command that gives them; once given, all is well', async () => {
    const { flags, environment } = kafka.login('guest')
    const { exit, findings, bad } = await doctor([SUMS.pathname, ...flags], environment)
    assert.equal(exit, 1)
    for (const line of [
      'problem topic.there: topic payments',
      'problem topic.there: topic totals',
      'problem group.rights: group sums',
      'problem transactions.rights: transactional ids tidemark.sums.*',
      'warning broker.config: broker 1',
    ])
      assert.ok(
        bad.some((each) => each.startsWith(line)),
        `${line} is not in\n${bad.join('\n')}`,
      )
    const advice = findings.find(({ subject }) => subject === 'topic payments')?.advice ?? ''
    assert.match(advice, /--allow-principal User:guest --operation Describe --topic payments/)
    const { peer } = kafka
    for (const name of ['payments', 'totals', 'sums.1.groupBy-1.repartition', 'sums.1.state', 'sums.control']) {
      for (const operation of ['READ', 'WRITE', 'CREATE', 'DELETE', 'DESCRIBE_CONFIGS'])
        await peer.allow('User:guest', 'TOPIC', name, operation)
    }
    for (const group of ['sums', 'sums.cluster']) await peer.allow('User:guest', 'GROUP', group, 'READ')
    await peer.allow('User:guest', 'TRANSACTIONAL_ID', 'tidemark.sums.task:sums/0', 'WRITE')
    const allowed = await doctor([SUMS.pathname, ...flags], environment)
    assert.deepEqual(
      allowed.bad.filter((line) => !line.startsWith('warning broker')),
      [],
    )
  })

  test('brokers that do not answer, or not to this user, are a problem, and this machine is looked at all the same', async () => {
    const away = await doctor(['--brokers', '127.0.0.1:1'])
    assert.deepEqual([away.exit, away.bad], [1, ['problem brokers: brokers']])
    assert.ok(away.findings.some(({ check }) => check === 'disk.sync'))
    const { flags } = kafka.login('guest')
    const wrong = await doctor(flags, { TIDEMARK_KAFKA_PASSWORD: 'wrong' })
    assert.deepEqual([wrong.exit, wrong.bad], [1, ['problem brokers: brokers']])
  })
})
