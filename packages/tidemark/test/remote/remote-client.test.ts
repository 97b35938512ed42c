import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eraseTable, remoteTable } from '../../src/api/remote-table.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { TidemarkError } from '../../src/errors/error.ts'
import { RemoteClient } from '../../src/remote/remote-client.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { json } from '../../src/serde/json.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { clientOf, get, ticks, whileMoving } from './support.ts'

test('look-ups of one turn go together, one key is asked for once, and batches are not larger than they may be', async () => {
  const calls: (readonly string[])[] = []
  const { client } = clientOf({
    batch: { maxKeys: 3 },
    read: async (keys) => {
      calls.push(keys)
      return new Map(keys.filter((key) => key !== 'none').map((key) => [key, key.length]))
    },
  })
  const asked = ['a', 'bb', 'a', 'none', 'ccc', 'a', 'dddd'].map((key) => get(client, key))
  assert.deepEqual(await Promise.all(asked), [1, 2, 1, undefined, 3, 1, 4])
  assert.deepEqual(calls, [
    ['a', 'bb', 'none'],
    ['ccc', 'dddd'],
  ])
  assert.equal(client.counters.joined, 2)
  assert.equal(client.counters.misses, 5)
  assert.equal(client.counters.calls, 2)
  assert.equal(await get(client, 'a'), 1)
  assert.equal(calls.length, 3, 'without a cache nothing is kept')
})

test('a batch waits for others as long as maxDelayMs says, unless it is full', async () => {
  const calls: (readonly string[])[] = []
  const { client, clock } = clientOf({
    batch: { maxKeys: 3, maxDelayMs: 20 },
    read: async (keys) => {
      calls.push(keys)
      return keys.map(() => 1)
    },
  })
  const first = get(client, 'a')
  await ticks()
  clock.advance(19)
  const second = get(client, 'b')
  await ticks()
  assert.equal(calls.length, 0)
  clock.advance(1)
  await Promise.all([first, second])
  assert.deepEqual(calls, [['a', 'b']])
  await Promise.all(['c', 'd', 'e'].map((key) => get(client, key)))
  assert.equal(calls.length, 2, 'a full batch waits for no clock')
})

test('no more calls than concurrency at once: what comes meanwhile makes larger batches', async () => {
  let open = 0
  let most = 0
  const sizes: number[] = []
  const answers: (() => void)[] = []
  const { client } = clientOf({
    batch: { maxKeys: 4 },
    concurrency: 2,
    read: async (keys) => {
      most = Math.max(most, ++open)
      sizes.push(keys.length)
      await new Promise<void>((resolve) => answers.push(resolve))
      open--
      return keys.map((key) => key.length)
    },
  })
  const asked: Promise<unknown>[] = []
  for (let i = 0; i < 12; i++) {
    asked.push(get(client, `key-${i}`))
    await ticks()
  }
  assert.deepEqual(sizes, [1, 1])
  while (answers.length > 0) {
    answers.shift()?.()
    await ticks()
  }
  await Promise.all(asked)
  assert.equal(most, 2)
  assert.deepEqual(sizes, [1, 1, 4, 4, 2])
})

test('a call that fails is made again after growing waits, and given up with the last error as the cause', async () => {
  const times: number[] = []
  const { client, clock } = clientOf({
    retry: { attempts: 4, baseMs: 100, maxMs: 300, jitter: 0 },
    read: async () => {
      times.push(clock.now())
      throw new Error('the service is down')
    },
  })
  await assert.rejects(whileMoving(clock, get(client, 'a')), (error: TidemarkError) => {
    assert.equal(error.code, 'ERR_REMOTE_FAILED')
    assert.match(error.message, /table users: 4 attempts to read a key failed. The last one: the service is down/)
    assert.equal((error.cause as Error).message, 'the service is down')
    return true
  })
  assert.deepEqual(times, [0, 100, 300, 600])
  assert.equal(client.counters.retries, 3)
  assert.equal(client.counters.failures, 1)
})

test('errors that another attempt cannot mend are not tried again', async () => {
  let calls = 0
  const failing = clientOf({
    retry: { when: (error) => (error as Error).message !== 'no such user' },
    read: async () => {
      calls++
      throw new Error('no such user')
    },
  })
  await assert.rejects(get(failing.client, 'a'), { code: 'ERR_REMOTE_FAILED' })
  const wrong = clientOf({
    read: async () => {
      calls++
      return [1, 2]
    },
  })
  await assert.rejects(get(wrong.client, 'a'), { code: 'ERR_REMOTE_RESULT', message: /an array of 2 for 1 keys/ })
  assert.equal(calls, 2)
})

test('a call that hangs is given up in time, and its signal aborted', async () => {
  const signals: AbortSignal[] = []
  const options = {
    timeoutMs: 250,
    read: (_: readonly string[], { signal }: { readonly signal: AbortSignal }) => {
      signals.push(signal)
      return new Promise<never>(() => {})
    },
  }
  const once = clientOf({ ...options, retry: { attempts: 1 } })
  const failed = { code: 'ERR_REMOTE_TIMEOUT', message: /did not settle in 250 ms/ }
  await assert.rejects(whileMoving(once.clock, get(once.client, 'a')), failed)
  assert.equal(once.clock.now(), 250)
  const twice = clientOf({ ...options, retry: { attempts: 2, jitter: 0 } })
  await assert.rejects(whileMoving(twice.clock, get(twice.client, 'a')), (error: TidemarkError) => {
    assert.equal(error.code, 'ERR_REMOTE_FAILED')
    assert.equal((error.cause as TidemarkError).code, 'ERR_REMOTE_TIMEOUT')
    return true
  })
  assert.deepEqual(
    signals.map((signal) => signal.aborted),
    [true, true, true],
  )
  assert.equal(twice.client.counters.timeouts, 2)
})

test('an error in the place of a value fails that key alone', async () => {
  const { client } = clientOf({
    read: async (keys) => keys.map((key) => (key === 'bad' ? new Error('not for you') : key.length)),
  })
  const [good, bad] = await Promise.allSettled([get(client, 'good'), get(client, 'bad')])
  assert.deepEqual(good, { status: 'fulfilled', value: 4 })
  assert.ok(bad.status === 'rejected')
  assert.match((bad.reason as Error).message, /table users: key "bad" could not be read: not for you/)
})

test('the rate of a job is shared by its tasks', async () => {
  let read = 0
  const { client, clock } = clientOf(
    {
      rate: { perSecond: 100, burst: 40 },
      batch: { maxKeys: 10 },
      read: async (keys) => {
        read += keys.length
        return keys.map(() => 1)
      },
    },
    4,
  )
  const asked = Promise.all(Array.from({ length: 60 }, (_, i) => get(client, `key-${i}`)))
  await ticks()
  assert.equal(read, 10)
  await whileMoving(clock, asked)
  assert.equal(clock.now(), 2000, '10 at once, then 25 a second')
})

test('the cache answers until the ttl is over; that there is no value only as long as negativeTtl says', async () => {
  const calls: (readonly string[])[] = []
  const { client, clock } = clientOf({
    cache: { ttl: 1000, negativeTtl: 100 },
    read: async (keys) => {
      calls.push(keys)
      return keys.map((key) => (key === 'none' ? null : 7))
    },
  })
  assert.deepEqual(await Promise.all([get(client, 'a'), get(client, 'none')]), [7, undefined])
  clock.advance(99)
  assert.deepEqual(await Promise.all([get(client, 'a'), get(client, 'none')]), [7, undefined])
  assert.equal(calls.length, 1)
  clock.advance(1)
  await Promise.all([get(client, 'a'), get(client, 'none')])
  assert.deepEqual(calls[1], ['none'])
  clock.advance(900)
  await get(client, 'a')
  assert.deepEqual(calls[2], ['a'])
  assert.equal(client.counters.hits, 3)
})

test('writes are batched, keep the order of a key, and are seen by later reads, also from the cache', async () => {
  const table = new Map<string, number>()
  const calls: string[] = []
  let failures = 1
  const { client, clock } = clientOf({
    cache: { ttl: 1000 },
    retry: { attempts: 3, jitter: 0, baseMs: 10 },
    read: async (keys) => {
      calls.push(`read ${keys.join()}`)
      return keys.map((key) => table.get(key))
    },
    write: async (entries) => {
      calls.push(`write ${entries.map(({ key, value }) => `${key}=${value}`).join()}`)
      if (failures-- > 0) throw new Error('try again')
      for (const { key, value } of entries) {
        if (value === undefined) table.delete(key)
        else table.set(key, value)
      }
    },
  })
  const writes = [client.put('a', 1), client.put('b', 2), client.put('a', 3)]
  const read = get(client, 'a')
  await whileMoving(clock, Promise.all(writes))
  assert.equal(await read, 3)
  assert.deepEqual(calls, ['write a=3,b=2', 'write a=3,b=2'])
  const later = [client.put('a', 4), ticks().then(() => client.delete('a'))]
  await Promise.all(later)
  assert.equal(await get(client, 'a'), undefined)
  assert.deepEqual([...table], [['b', 2]])
  assert.equal(await get(client, 'b'), 2)
  assert.deepEqual(calls.slice(2), ['write a=4', 'write a=undefined', 'read a'])
})

test('what was read before a write is not kept after it', async () => {
  const answers: ((value: number) => void)[] = []
  const { client } = clientOf({
    cache: {},
    read: async () => [await new Promise<number>((resolve) => answers.push(resolve))],
    write: async () => {},
  })
  const before = get(client, 'a')
  await ticks()
  await client.put('a', 2)
  answers[0]?.(1)
  assert.equal(await before, 1, 'asked before, answered as it was')
  assert.equal(await get(client, 'a'), 2)
})

test('a table without a write function cannot be written, nor can no value be put, nor no key be asked for', async () => {
  const { client } = clientOf({ read: async () => [] })
  await assert.rejects(client.put('a', 1), { code: 'ERR_REMOTE_READ_ONLY' })
  await assert.rejects(client.delete('a'), { code: 'ERR_REMOTE_READ_ONLY' })
  await assert.rejects(client.put('a', undefined), { code: 'ERR_NULL_VALUE' })
  await assert.rejects(get(client, null as never), { code: 'ERR_NULL_KEY' })
})

test('the end of a task ends what is under way, what waits and what comes', async () => {
  const { client } = clientOf({
    concurrency: 1,
    batch: { maxKeys: 1 },
    retry: { attempts: 100 },
    read: () => new Promise<never>(() => {}),
    write: () => Promise.reject(new Error('down')),
  })
  const ended = new TidemarkError('ERR_RUN_ENDED', 'the task has ended')
  const open = [get(client, 'a'), get(client, 'b'), client.put('c', 1), client.put('d', 1)]
  const results = Promise.allSettled(open)
  await ticks()
  client.close(ended)
  for (const result of await results) assert.equal(result.status === 'rejected' && result.reason, ended)
  await assert.rejects(get(client, 'e'), ended)
  await assert.rejects(client.put('e', 1), ended)
})

test('options are checked by name', () => {
  const base = { key: string(), value: uint(), read: async () => [] }
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ batch: { maxKeys: 0 } }, /batch.maxKeys is 0/],
    [{ batch: { maxDelayMs: -1 } }, /batch.maxDelayMs/],
    [{ rate: { perSecond: 0 } }, /rate.perSecond/],
    [{ rate: { perSecond: 1, burst: 0.5 } }, /rate.burst/],
    [{ rate: { perSecond: 1, unit: 'byte' } }, /rate.unit/],
    [{ retry: { attempts: 0 } }, /retry.attempts/],
    [{ retry: { jitter: 1.5 } }, /retry.jitter/],
    [{ retry: { when: 1 } }, /retry.when/],
    [{ cache: { maxEntries: 0 } }, /cache.maxEntries/],
    [{ cache: { maxBytes: 0 } }, /cache.maxBytes/],
    [{ concurrency: 0 }, /concurrency/],
    [{ timeoutMs: 0 }, /timeoutMs/],
    [{ read: 1 }, /read is 1/],
    [{ write: 1 }, /write is 1/],
  ]
  for (const [options, message] of wrong) {
    assert.throws(() => remoteTable('users', { ...base, ...options } as never), { code: 'ERR_OPTION', message })
  }
  assert.throws(() => remoteTable('users', { ...base, cache: { ttl: 'soon' as never } }), { code: 'ERR_DURATION' })
  assert.throws(() => remoteTable('a/b', base), { code: 'ERR_NAME' })
})

test('a value is frozen or a copy, as in stores: nobody changes what the cache holds or what a call is to send', async () => {
  const sent: unknown[] = []
  const open = <V>(value: Serde<V>, read: (keys: readonly string[]) => Promise<Map<string, V>>): RemoteClient => {
    const write = async (entries: readonly { readonly value: unknown }[]): Promise<void> => {
      sent.push(...entries.map((entry) => structuredClone(entry.value)))
    }
    const table = remoteTable('t', { key: string(), value, read, write, cache: { maxBytes: 10_000 } })
    const more = { clock: new ManualClock(), random: () => 0, tasks: 1, log: () => {} }
    return new RemoteClient({ table: eraseTable(table), ...more })
  }
  const objects = open(json<{ n: number[] }>(), async (keys) => new Map(keys.map((key) => [key, { n: [1] }])))
  const [one, joined] = (await Promise.all([get(objects, 'a'), get(objects, 'a')])) as { n: number[] }[]
  assert.throws(() => one?.n.push(2), TypeError)
  assert.deepEqual([joined, await get(objects, 'a')], [{ n: [1] }, { n: [1] }])
  const mine = { n: [5] }
  const put = objects.put('a', mine)
  assert.throws(() => mine.n.push(6), TypeError)
  await put

  const blobs = open(bytes(), async (keys) => new Map(keys.map((key) => [key, Uint8Array.of(1)])))
  const [first, second] = (await Promise.all([get(blobs, 'a'), get(blobs, 'a')])) as Uint8Array[]
  first?.fill(7)
  assert.deepEqual([second, await get(blobs, 'a')], [Uint8Array.of(1), Uint8Array.of(1)])
  const given = Uint8Array.of(8)
  const done = blobs.put('a', given)
  given.fill(9)
  await done
  assert.deepEqual([sent, await get(blobs, 'a')], [[{ n: [5] }, Uint8Array.of(8)], Uint8Array.of(8)])
})

test('a value that the serde cannot hold fails its put, in the handler, or its key alone: ERR_SERDE', async () => {
  const table = remoteTable('t', {
    key: string(),
    value: uint(),
    cache: { maxBytes: 1000 },
    read: async (keys) => new Map(keys.map((key) => [key, key === 'bad' ? -1 : 1])),
    write: async () => {},
  })
  const client = new RemoteClient({
    table: eraseTable(table),
    clock: new ManualClock(),
    random: () => 0,
    tasks: 1,
    log: () => {},
  })
  await assert.rejects(client.put('a', -1), { code: 'ERR_SERDE', message: /table t/ })
  const [good, bad] = await Promise.allSettled([get(client, 'good'), get(client, 'bad')])
  assert.equal(good.status === 'fulfilled' && good.value, 1)
  assert.equal(bad.status === 'rejected' && (bad.reason as TidemarkError).code, 'ERR_SERDE')
  await client.put('a', 2)
  assert.equal(await get(client, 'a'), 2)
})
