import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { DirectoryLock, nodeDisk, nodeProcesses } from 'tidemark/system'
import { errorOf, type Outcome } from '../../../tidemark/test/cli/spawn.ts'
import { joinGroup, leaveGroup, type JoinGroupRequest } from '../../src/wire/group-membership.ts'
import { connect } from '../fetch/support.ts'
import { JavaError } from '../java/java-peer.ts'
import { kafkaTool } from '../java/kafka-tools.ts'
import { SUMS } from '../job/support.ts'
import { kafka, rowsOf } from './cli-broker.ts'

/* On the broker of the file that imports this, with the topics of the sums job. */
describe('tidemark reset on Kafka', { skip: kafkaMissing() ?? false }, () => {
  const data = join(kafka.root, 'sums-reset')
  const run = async (): Promise<void> => {
    const flags = ['--data-dir', data, '--partitions', '2', '--containers', '1', '--until-end', '--json']
    const ran = await kafka.run(['run', SUMS.pathname, ...flags])
    assert.equal(ran.exit, 0, ran.error)
  }
  const reset = (job: string, ...flags: string[]): Promise<Outcome> => {
    return kafka.run(['reset', job, '--data-dir', data, '--json', ...flags])
  }
  const total = async (): Promise<unknown> => {
    const rows = rowsOf<{ key: string; value: number }>(
      await kafka.run(['streams', 'read', 'totals', '--json', '--value-serde', 'uint']),
    )
    return rows.findLast(({ key }) => key === 'zoe')?.value
  }
  const isGone = async (topic: string): Promise<boolean> => {
    return kafka.peer.describeTopic(topic).then(
      () => false,
      (error: unknown) => error instanceof JavaError && error.javaClass === 'UnknownTopicOrPartitionException',
    )
  }

  before(async () => {
    const payments = [4, 5].map((amount) => JSON.stringify({ key: `${amount}`, value: { user: 'zoe', amount } }))
    await kafka.run(['streams', 'write', 'payments'], { input: payments.join('\n') })
    await run()
    assert.equal(await total(), 9)
    // As a run with files makes it.
    await kafka.peer.createTopic('sums.control', 1, { 'cleanup.policy': 'compact' })
    const group = ['--bootstrap-server', kafka.server.brokers, '--group', 'sums', '--topic', 'payments']
    const set = await kafkaTool('kafka-consumer-groups', [...group, '--reset-offsets', '--to-latest', '--execute'])
    assert.equal(set.code, 0, set.stdout + set.stderr)
    assert.ok((await kafka.peer.groupOffsets('sums')).length > 0)
  })

  test('reset lists what goes and asks; where nobody can be asked it does nothing without --yes', async () => {
    const outcome = await kafka.run(['reset', SUMS.pathname, '--data-dir', data])
    assert.equal(outcome.exit, 2)
    assert.match(outcome.error, /^ {2}topic +sums\.1\.state +state and checkpoints of all tasks +[1-9]\d* +\d/m)
    assert.match(outcome.error, /^ {2}offsets +sums +positions of the group/m)
    assert.match(outcome.error, new RegExp(`^ {2}files +${data} +local copy of the state`, 'm'))
    assert.match(outcome.error, /This stays:\n.*\n {2}topic +sums\.control/)
    assert.match(outcome.error, /this removes what is listed of the job sums\. Say --yes to do it/)
    assert.equal(await isGone('sums.1.state'), false)
    assert.ok(existsSync(join(data, 'state')))
  })

  test('ERR_JOB_RUNNING while a process is a member of its group, or has a transaction under way', async () => {
    const cluster = await connect(kafka.server.brokers)
    try {
      const group = 'sums.cluster'
      const node = await cluster.coordinator('group', group)
      const asked: JoinGroupRequest = {
        group,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 30_000,
        member: '',
        protocolType: 'tidemark',
        protocols: [{ name: 'tidemark', metadata: new Uint8Array(0) }],
        reason: null,
      }
      const first = await cluster.request(node, joinGroup, asked, 'group')
      const joined = await cluster.request(node, joinGroup, { ...asked, member: first.member }, 'group')
      assert.equal(joined.error, 0)
      const refused = await reset('sums', '--yes')
      assert.equal(refused.exit, 4)
      assert.equal(errorOf(refused).code, 'ERR_JOB_RUNNING')
      assert.match(errorOf(refused).message, /is a member of group sums\.cluster/)
      await cluster.request(node, leaveGroup, { group, member: joined.member, reason: null }, 'group')
    } finally {
      cluster.close()
    }
    const producer = await kafka.peer.producer({ 'transactional.id': 'tidemark.sums.task:sums/1' })
    await producer.begin()
    await producer.send('payments', [{ value: '{"user":"nobody","amount":1}' }])
    assert.match(
      errorOf(await reset('sums', '--yes')).message,
      /a transaction of tidemark\.sums\.task:sums\/1 is under way/,
    )
    await producer.abort()
    await producer.close()
  })

  test('ERR_DATA_DIR_LOCKED while a run has the data directory; ERR_USAGE for a job that is not there', async () => {
    const lock = DirectoryLock.acquire(nodeDisk, data, nodeProcesses)
    assert.equal(errorOf(await reset('sums', '--yes')).code, 'ERR_DATA_DIR_LOCKED')
    lock.release()
    const unknown = errorOf(await reset('sum', '--yes'))
    assert.equal(unknown.code, 'ERR_USAGE')
    assert.match(unknown.message, /nothing of a job "sum"\. There are: sums/)
  })

  test('after a reset the Java admin finds nothing, and the next run begins at the beginning', async () => {
    interface Done {
      readonly removed: readonly { readonly name: string }[]
      readonly kept: readonly { readonly name: string }[]
    }
    const [done] = rowsOf<Done>(await reset('sums', '--yes'))
    const names = ['sums.1.groupBy-1.repartition', 'sums.1.state']
    assert.deepEqual(
      done?.removed.map(({ name }) => name),
      [...names, 'sums', data],
    )
    assert.deepEqual(
      done?.kept.map(({ name }) => name),
      ['sums.control'],
    )
    for (const name of names) assert.equal(await isGone(name), true, name)
    assert.equal(await isGone('sums.control'), false)
    assert.deepEqual(await kafka.peer.groupOffsets('sums'), [])
    assert.equal(existsSync(join(data, 'state')), false)
    await run()
    assert.equal(await total(), 9, 'counted from the start, once')
    const all = rowsOf<Done>(await reset('sums', '--yes', '--sources'))[0]
    assert.ok(all?.removed.some(({ name }) => name === 'sums.control'))
    assert.equal(await isGone('sums.control'), true)
  })
})
