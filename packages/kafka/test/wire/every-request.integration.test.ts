import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import type { Cluster } from '../../src/net/cluster.ts'
import { kafkaError, refusal } from '../../src/net/kafka-errors.ts'
import { retrying } from '../../src/net/retry.ts'
import type { Api } from '../../src/wire/api.ts'
import type { CoordinatorKind } from '../../src/wire/find-coordinator.ts'
import { describeCluster, describeConfigs } from '../../src/wire/describe.ts'
import { heartbeat, joinGroup, leaveGroup, syncGroup, type JoinGroupRequest } from '../../src/wire/group-membership.ts'
import { offsetCommit, offsetFetch } from '../../src/wire/group-offsets.ts'
import { createPartitions } from '../../src/wire/topics.ts'
import { endTxn, initProducerId, txnOffsetCommit } from '../../src/wire/transactions.ts'
import { connect, makeTopic } from '../fetch/support.ts'
import { SuiteBroker } from '../suite-broker.ts'

const missing = kafkaMissing()

describe('requests as a broker understands them', { skip: missing ?? false }, () => {
  const broker = new SuiteBroker('requests', null)
  let cluster: Cluster

  before(async () => {
    cluster = await connect(broker.server.brokers)
    await makeTopic(cluster, 'in', 2)
  })
  after(() => cluster.close())

  /** Asks a coordinator, again while it says that it is not ready: a new broker still makes its own topics. */
  function ask<Q, R>(
    kind: CoordinatorKind,
    key: string,
    api: Api<Q, R>,
    q: Q,
    errorOf: (answer: R) => number,
  ): Promise<R> {
    return retrying({ clock: cluster.clock, random: cluster.random, withinMs: 20_000 }, async () => {
      const node = await cluster.coordinator(kind, key)
      const answer = await cluster.request(node, api, q, 'group')
      const error = errorOf(answer)
      if (error === 0 || !['retry', 'coordinator'].includes(kafkaError(error).remedy)) return answer
      cluster.forgetCoordinator(kind, key)
      throw refusal(api.name, error, null)
    })
  }

  const own = ({ error }: { readonly error: number }): number => error
  const first = (topics: readonly { readonly partitions: readonly { readonly error: number }[] }[]): number =>
    topics[0]?.partitions[0]?.error ?? -1

  function at(partition: number, offset: number, metadata: string | null) {
    return { partition, offset, leaderEpoch: 0, metadata }
  }

  const fetchOffsets = (group: string, partitions: readonly number[] | null, requireStable = true) =>
    ask(
      'group',
      group,
      offsetFetch,
      { group, topics: partitions === null ? null : [{ topic: 'in', partitions }], requireStable },
      own,
    )

  test('OffsetCommit and OffsetFetch of a group without members', async () => {
    const topics = [{ topic: 'in', partitions: [at(0, 5_000_000_000, 'note'), at(1, 7, null)] }]
    const q = { group: 'plain', generation: -1, member: '', topics }
    const done = await ask('group', 'plain', offsetCommit, q, first)
    assert.deepEqual(done, [
      {
        topic: 'in',
        partitions: [
          { partition: 0, error: 0 },
          { partition: 1, error: 0 },
        ],
      },
    ])
    const expected = [
      { ...at(0, 5_000_000_000, 'note'), error: 0 },
      // No metadata is kept as empty metadata.
      { ...at(1, 7, ''), error: 0 },
    ]
    for (const asked of [[0, 1], null]) {
      const answer = await fetchOffsets('plain', asked)
      assert.equal(answer.error, 0)
      const [topic] = answer.topics
      assert.equal(topic?.topic, 'in')
      assert.deepEqual(
        topic.partitions.toSorted((a, b) => a.partition - b.partition),
        expected,
      )
    }
    const none = await fetchOffsets('never-used', [1])
    assert.deepEqual(none.topics, [{ topic: 'in', partitions: [{ ...at(1, -1, ''), leaderEpoch: -1, error: 0 }] }])
  })

  test('TxnOffsetCommit: offsets are pending until EndTxn commits them, and gone if it aborts', async () => {
    const transactionalId = 'txn'
    const init = { transactionalId, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 }
    let owner = await ask('transaction', transactionalId, initProducerId, init, own)
    for (const [round, commit] of [true, false].entries()) {
      const { producerId, producerEpoch } = owner
      const topics = [{ topic: 'in', partitions: [at(0, 40 + round, 'txn')] }]
      const q = { transactionalId, group: 'txn-group', producerId, producerEpoch, topics }
      const done = await ask('group', 'txn-group', txnOffsetCommit, q, first)
      assert.deepEqual(done, [{ topic: 'in', partitions: [{ partition: 0, error: 0 }] }])
      const node = await cluster.coordinator('group', 'txn-group')
      const stable = { group: 'txn-group', topics: [{ topic: 'in', partitions: [0] }], requireStable: true }
      const pending = await cluster.request(node, offsetFetch, stable, 'group')
      assert.equal(kafkaError(pending.topics[0]?.partitions[0]?.error ?? 0).name, 'UNSTABLE_OFFSET_COMMIT')
      owner = await ask(
        'transaction',
        transactionalId,
        endTxn,
        { transactionalId, producerId, producerEpoch, commit },
        own,
      )
      assert.equal(owner.error, 0)
      const settled = await settledOffset('txn-group')
      assert.equal(settled, 40, commit ? 'committed' : 'what was aborted is not there')
    }
  })

  /** The markers of a transaction are written after EndTxn has answered: until then the offset is unstable. */
  function settledOffset(group: string): Promise<number> {
    return retrying({ clock: cluster.clock, random: cluster.random, withinMs: 10_000 }, async () => {
      const [found] = (await fetchOffsets(group, [0])).topics[0]?.partitions ?? []
      if (found?.error !== 0) throw refusal('OffsetFetch', found?.error ?? -1, null)
      return found.offset
    })
  }

  test('JoinGroup, SyncGroup, Heartbeat, OffsetCommit of a member, LeaveGroup', async () => {
    const group = 'members'
    const meta = Uint8Array.of(1, 2, 3)
    const wish: JoinGroupRequest = {
      group,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      member: '',
      protocolType: 'tidemark',
      protocols: [{ name: 'p1', metadata: meta }],
      reason: 'a test',
    }
    const refused = await ask('group', group, joinGroup, wish, own)
    assert.equal(kafkaError(refused.error).name, 'MEMBER_ID_REQUIRED')
    const { member } = refused
    assert.notEqual(member, '')
    const joined = await ask('group', group, joinGroup, { ...wish, member }, own)
    assert.deepEqual(
      { ...joined, members: joined.members.map((each) => ({ ...each, metadata: [...each.metadata] })) },
      { error: 0, generation: 1, protocol: 'p1', leader: member, member, members: [{ member, metadata: [1, 2, 3] }] },
    )
    const { generation } = joined
    const identity = { group, generation, member }
    const assignments = [{ member, assignment: Uint8Array.of(9, 8) }]
    const sync = { ...identity, protocolType: 'tidemark', protocol: 'p1', assignments }
    const synced = await ask('group', group, syncGroup, sync, own)
    assert.deepEqual([synced.error, ...synced.assignment], [0, 9, 8])
    assert.deepEqual(await ask('group', group, heartbeat, identity, own), { error: 0 })
    const late = await ask('group', group, heartbeat, { ...identity, generation: 7 }, own)
    assert.equal(kafkaError(late.error).name, 'ILLEGAL_GENERATION')
    const topics = [{ topic: 'in', partitions: [at(1, 3, 'm')] }]
    assert.equal(first(await ask('group', group, offsetCommit, { ...identity, topics }, first)), 0)
    const stranger = await ask('group', group, offsetCommit, { ...identity, member: 'x', topics }, first)
    assert.equal(kafkaError(first(stranger)).name, 'UNKNOWN_MEMBER_ID')
    assert.deepEqual(await ask('group', group, leaveGroup, { group, member, reason: null }, own), { error: 0 })
    const gone = await ask('group', group, heartbeat, identity, own)
    assert.equal(kafkaError(gone.error).name, 'UNKNOWN_MEMBER_ID')
    const again = await ask('group', group, leaveGroup, { group, member, reason: 'twice' }, own)
    assert.equal(kafkaError(again.error).name, 'UNKNOWN_MEMBER_ID')
  })

  test('CreatePartitions adds some, and says why it does not', async () => {
    await makeTopic(cluster, 'grows', 1)
    const grow = (name: string, count: number) =>
      cluster.request('controller', createPartitions, { topics: [{ name, count }], timeoutMs: 5000 }, 'control')
    assert.deepEqual(await grow('grows', 3), [{ name: 'grows', error: 0, message: null }])
    const [fewer] = await grow('grows', 2)
    assert.equal(kafkaError(fewer?.error ?? 0).name, 'INVALID_PARTITIONS')
    assert.match(fewer?.message ?? '', /3/)
    const [none] = await grow('not-there', 2)
    assert.equal(kafkaError(none?.error ?? 0).name, 'UNKNOWN_TOPIC_OR_PARTITION')
    const count = await retrying({ clock: cluster.clock, random: cluster.random, withinMs: 10_000 }, async () => {
      const [topic] = await cluster.metadata(['grows'], true)
      if (topic?.partitions.length === 1) throw refusal('Metadata', 5, null)
      return topic?.partitions.length
    })
    assert.equal(count, 3)
  })

  test('DescribeConfigs of a topic and of a broker, some keys or all', async () => {
    await makeTopic(cluster, 'configured', 1, 1, { 'cleanup.policy': 'compact', 'max.message.bytes': '2000000' })
    const keys = ['cleanup.policy', 'max.message.bytes', 'segment.bytes']
    const asked = [
      { kind: 'topic', name: 'configured', keys },
      { kind: 'topic', name: 'configured', keys: null },
      { kind: 'topic', name: 'not-there', keys: null },
    ] as const
    const [some, all, none] = await cluster.request('any', describeConfigs, asked, 'control')
    assert.equal(some?.error, 0)
    assert.equal(some.name, 'configured')
    const values = new Map(some.configs.map((each) => [each.name, each]))
    assert.deepEqual([...values.keys()].sort(), keys)
    assert.equal(values.get('cleanup.policy')?.value, 'compact')
    assert.equal(values.get('cleanup.policy')?.isDefault, false)
    assert.equal(values.get('max.message.bytes')?.value, '2000000')
    assert.equal(values.get('segment.bytes')?.isDefault, true)
    assert.ok((all?.configs.length ?? 0) > 20)
    assert.equal(kafkaError(none?.error ?? 0).name, 'UNKNOWN_TOPIC_OR_PARTITION')
    const node = broker.server.id()
    const brokerAsked = [{ kind: 'broker', name: String(node), keys: ['node.id', 'log.retention.ms'] }] as const
    const [described] = await cluster.request(node, describeConfigs, brokerAsked, 'control')
    const ofBroker = new Map(described?.configs.map((each) => [each.name, each]))
    assert.equal(ofBroker.get('node.id')?.value, String(node))
    assert.equal(ofBroker.get('node.id')?.readOnly, true)
    assert.equal(ofBroker.get('log.retention.ms')?.value, '-1')
  })

  test('DescribeCluster', async () => {
    const [host = '', port] = broker.server.brokers.split(':')
    const found = await cluster.request('any', describeCluster, null, 'control')
    const id = broker.server.id()
    assert.deepEqual(found, {
      error: 0,
      message: null,
      clusterId: cluster.clusterId,
      controller: id,
      brokers: [{ id, host, port: Number(port) }],
    })
  })
})
