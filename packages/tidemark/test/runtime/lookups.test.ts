import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJob, json, kv, remoteTable, stream, string, tumbling, uint } from '../../src/index.ts'
import { testJob } from '../../src/testing/index.ts'

interface Order {
  readonly id: number
  readonly user: string | null
}

const orders = stream('orders', { key: string(), value: json<Order>(), time: (order) => order.id })
const named = stream('named', { key: string(), value: string() })
const users = remoteTable('users', {
  key: string(),
  value: json<{ name: string }>(),
  read: () => Promise.reject(new Error('not in a test')),
  write: () => Promise.reject(new Error('not in a test')),
})

const pipeline = defineJob('named', (job) =>
  job
    .from(orders)
    .lookup(
      users,
      (order) => order.user,
      (order, user) => `${order.id} ${user?.name ?? 'nobody'}`,
    )
    .to(named),
)

test('a pipeline joins messages with a remote table; no key, and a key that is not there, find nothing', () => {
  const t = testJob(pipeline)
  t.table(users).set('ada', { name: 'Ada' })
  t.send(orders, 'a', { id: 1, user: 'ada' })
  t.send(orders, 'b', { id: 2, user: null })
  t.send(orders, 'c', { id: 3, user: 'bob' })
  t.table(users).set('bob', { name: 'Bob' })
  t.send(orders, 'c', { id: 4, user: 'bob' })
  assert.deepEqual(t.values(named), ['1 Ada', '2 nobody', '3 nobody', '4 Bob'])
  t.table(users).delete('bob')
  t.crash()
  t.send(orders, 'c', { id: 5, user: 'bob' })
  assert.deepEqual(t.values(named).slice(4), ['5 nobody'], 'it is elsewhere: a crash does not undo it')
  assert.deepEqual(t.table(users).entries(), [{ key: 'ada', value: { name: 'Ada' } }])
  t.close()
})

test('a table that fails follows the error policy: the job fails, or the message is put aside', () => {
  const failing = testJob(pipeline)
  failing.table(users).fail(new Error('down'))
  assert.throws(() => failing.send(orders, 'a', { id: 1, user: 'ada' }), {
    code: 'ERR_REMOTE_FAILED',
    message: /stream orders, partition 0, offset 0, key a: table users: 5 attempts.*down/,
  })
  const going = testJob(pipeline, { onError: { deadLetter: 'aside' } })
  going.table(users).fail(new Error('down'))
  going.send(orders, 'a', { id: 1, user: 'ada' })
  going.table(users).fail(null)
  going.send(orders, 'a', { id: 2, user: 'ada' })
  assert.deepEqual(going.values(named), ['2 nobody'])
  assert.equal(going.deadLettered, 1)
  const aside = going.messages(stream('aside', { key: string(), value: json<Order>() }))
  assert.deepEqual(
    aside.map(({ key, value }) => [key, value]),
    [['a', { id: 1, user: 'ada' }]],
  )
  going.close()
})

test('event time passes a look-up: windows behind it close', () => {
  const perUser = kv('rows', { key: string(), value: json() })
  const job = defineJob('windows', (builder) =>
    builder
      .from(orders)
      .lookup(
        users,
        (order) => order.user,
        (order, user) => ({ ...order, name: user?.name ?? '' }),
      )
      .groupBy((order) => order.name)
      .window(tumbling(10))
      .count('counts')
      .toTable(perUser),
  )
  const t = testJob(job)
  t.table(users).set('ada', { name: 'Ada' })
  for (const id of [1, 5, 12]) t.send(orders, 'a', { id, user: 'ada' })
  t.end()
  const rows = t.store(perUser).entries()
  assert.deepEqual(
    rows.map(({ value }) => value),
    [{ key: 'Ada', window: { start: 10, end: 20 }, value: 1 }],
  )
  t.close()
})

test('a task reads and writes a remote table in its handlers', async () => {
  const job = defineJob('totals', {
    inputs: { orders },
    outputs: { named },
    tables: { users },
    task: {
      async orders(message, { tables, send }) {
        const { user, id } = message.value
        if (user === null) return
        const known = await tables.users.get(user)
        if (known === undefined) await tables.users.put(user, { name: `${user}-${id}` })
        else if (id === 9) await tables.users.delete(user)
        const all = await tables.users.getAll(['ada', 'bob'])
        send.named(user, [...all].map(([key, value]) => `${key}=${value.name}`).join())
      },
    },
  })
  const t = testJob(job)
  t.table(users).set('bob', { name: 'Bob' })
  for (const [id, user] of [
    [1, 'ada'],
    [2, 'ada'],
    [9, 'bob'],
  ] as const) {
    t.send(orders, user, { id, user })
    await t.settled()
  }
  assert.deepEqual(t.values(named), ['ada=ada-1,bob=Bob', 'ada=ada-1,bob=Bob', 'ada=ada-1'])
  assert.deepEqual(t.table(users).get('ada'), { name: 'ada-1' })
  t.close()
})

test('a table is for the handler: later use is refused', async () => {
  let late: (() => Promise<unknown>) | null = null
  const job = defineJob('late', {
    inputs: { orders },
    tables: { users },
    task: {
      orders(_, { tables }) {
        late = () => tables.users.get('ada')
      },
    },
  })
  const t = testJob(job)
  t.send(orders, 'a', { id: 1, user: null })
  await assert.rejects(async () => late?.(), { code: 'ERR_CONTEXT_CLOSED' })
  t.close()
})

test('what is no table, and two tables of one name, are refused', () => {
  assert.throws(
    () =>
      defineJob('x', (job) =>
        job
          .from(orders)
          .lookup(
            {} as typeof users,
            (o) => o.user,
            () => '',
          )
          .to(named),
      ),
    { code: 'ERR_JOB_DEFINITION', message: /lookup got .*pass what remoteTable/ },
  )
  const other = remoteTable('users', { key: string(), value: uint(), read: async () => [] })
  const both = (): unknown =>
    defineJob('x', (job) =>
      job
        .from(orders)
        .lookup(
          users,
          (o) => o.user,
          (o) => o,
        )
        .lookup(
          other,
          (o) => o.user,
          () => '',
        )
        .to(named),
    )
  assert.throws(both, { code: 'ERR_JOB_DUPLICATE', message: /two different remote tables are named users/ })
  const task = { orders: () => {} }
  assert.throws(() => defineJob('x', { inputs: { orders }, tables: { users: 1 as never }, task }), {
    code: 'ERR_JOB_DEFINITION',
    message: /tables.users is 1/,
  })
  const asynchronous = defineJob('x', (job) =>
    job
      .from(orders)
      .lookup(users, (() => Promise.resolve('a')) as never, () => '')
      .to(named),
  )
  const t = testJob(asynchronous)
  assert.throws(() => t.send(orders, 'a', { id: 1, user: null }), { code: 'ERR_STEP_ASYNC' })
})
