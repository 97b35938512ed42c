import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/errors/error.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/string.ts'
import { KeyEncoder } from '../../src/store/key-encoder.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { drain, Harness, kvSpec } from './harness.ts'

interface Item {
  n: number
  tags: string[]
}

function stores(harness = new Harness()): {
  harness: Harness
  numbers: KeyValueStore<string, number>
  objects: KeyValueStore<string, Item>
  blobs: KeyValueStore<string, Uint8Array>
} {
  return {
    harness,
    numbers: new KeyValueStore<string, number>(harness.state.store('numbers')),
    objects: new KeyValueStore<string, Item>(harness.state.store('objects')),
    blobs: new KeyValueStore<string, Uint8Array>(harness.state.store('blobs')),
  }
}

function throwsCode(run: () => unknown, code: Parameters<typeof isTidemarkError>[1], pattern: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(isTidemarkError(error, code), `${String(error)} is not ${code}`)
    assert.match(error.message, pattern)
    return true
  })
}

test('frozen: mutation throws after put, after get, after a decode of a delta and of the base, to the bottom', () => {
  const { harness, objects } = stores()
  const mine: Item = { n: 1, tags: ['x'] }
  objects.put('a', mine)
  const attempts = (value: Item): void => {
    assert.throws(() => {
      value.n = 2
    }, TypeError)
    assert.throws(() => value.tags.push('y'), TypeError)
  }
  attempts(mine)
  attempts(objects.get('a') as Item)
  harness.commit()
  attempts(new KeyValueStore<string, Item>(harness.open().store('objects')).get('a') as Item)
  for (const _ of harness.state.flush()) continue
  const again = new KeyValueStore<string, Item>(harness.open().store('objects'))
  attempts(again.get('a') as Item)
  for (const { value } of again.entries()) attempts(value as Item)
  assert.deepEqual(again.get('a'), { n: 1, tags: ['x'] })
})

test('frozen: a shallowly frozen value is frozen to the bottom too', () => {
  const { objects } = stores()
  const value = Object.freeze({ n: 1, tags: ['x'] })
  objects.put('a', value)
  assert.throws(() => value.tags.push('y'), TypeError)
})

test('copied: the store keeps bytes, so that neither side sees the other change its own', () => {
  const { harness, blobs } = stores()
  const mine = new Uint8Array([1, 2, 3])
  blobs.put('a', mine)
  mine[0] = 9
  const got = blobs.get('a') as Uint8Array
  assert.deepEqual([...got], [1, 2, 3])
  got[1] = 9
  assert.deepEqual([...(blobs.get('a') as Uint8Array)], [1, 2, 3])
  harness.commit()
  ;(blobs.committed().get('a') as Uint8Array)[2] = 9
  assert.deepEqual([...(blobs.get('a') as Uint8Array)], [1, 2, 3])
})

test('update gives a draft of its own, takes what is returned or changed, and leaves the old value as it was', () => {
  const { objects, numbers } = stores()
  objects.put('a', { n: 1, tags: ['x'] })
  const before = objects.get('a')
  const after = objects.update('a', (draft) => {
    draft?.tags.push('y')
  })
  assert.deepEqual(after, { n: 1, tags: ['x', 'y'] })
  assert.deepEqual(before, { n: 1, tags: ['x'] })
  assert.equal(objects.get('a'), after)
  assert.deepEqual(
    objects.update('b', (draft) => draft ?? { n: 0, tags: [] }),
    { n: 0, tags: [] },
  )
  assert.equal(
    numbers.update('n', (n) => (n ?? 0) + 5),
    5,
  )
  assert.equal(
    numbers.update('n', (n) => (n ?? 0) + 5),
    10,
  )
  throwsCode(() => numbers.update('none', () => undefined), 'ERR_NULL_VALUE', /store numbers: update/)
  assert.equal(numbers.has('none'), false)
})

test('update whose function uses the store itself still changes its own key', () => {
  const { numbers } = stores()
  numbers.put('a', 1)
  numbers.update('a', (n) => {
    numbers.put('b', 7)
    numbers.delete('a')
    return (n ?? 0) + 1
  })
  assert.deepEqual([numbers.get('a'), numbers.get('b')], [2, 7])
})

test('update whose function ranges over the store, or asks another store with its encoder, still changes its own key', () => {
  const { harness, numbers } = stores()
  const keys = new KeyEncoder(string())
  const one = new KeyValueStore<string, number>(harness.state.store('numbers'), keys)
  const other = new KeyValueStore<string, Item>(harness.state.store('objects'), keys)
  numbers.putAll(['a', 'b', 'c'].map((key) => [key, 1]))
  one.update('total', () => [...one.range('a', 'c')].length)
  one.update('count', () => [...one.prefix('b')].length)
  one.update('seen', () => (other.has('somebody else') ? 5 : 4))
  const keep = one.range(null, null)
  assert.deepEqual(
    [...keep].map(({ key, value }) => [key, value]),
    [...['a', 'b', 'c'].map((key) => [key, 1]), ['count', 1], ['seen', 4], ['total', 2]],
  )
})

test('a put after a get of the same key finds its place again after a freeze and after other writes', () => {
  const { harness, numbers } = stores()
  numbers.put('a', 1)
  assert.equal(numbers.get('a'), 1)
  harness.commit()
  numbers.put('a', 2)
  assert.equal(numbers.committed().get('a'), 1)
  assert.equal(numbers.get('b'), undefined)
  new KeyValueStore<string, number>(harness.state.store('numbers')).put('b', 5)
  numbers.put('b', 6)
  assert.deepEqual(
    [...numbers.entries()].map(({ key, value }) => [key, value]),
    [
      ['a', 2],
      ['b', 6],
    ],
  )
  assert.throws(() => harness.state.store('numbers').replace(3), /ERR_INVARIANT|location/)
})

test('the other calls of a key-value store', () => {
  const { numbers } = stores()
  numbers.putAll([
    ['a', 1],
    ['b', 2],
    ['ba', 3],
    ['c', 4],
  ])
  assert.deepEqual(numbers.getAll(['a', 'x', 'c']), [1, undefined, 4])
  assert.equal(numbers.putIfAbsent('a', 9), 1)
  assert.equal(numbers.putIfAbsent('d', 9), undefined)
  assert.equal(numbers.get('d'), 9)
  numbers.deleteAll(['a', 'nothing'])
  assert.equal(numbers.has('a'), false)
  assert.deepEqual(
    [...numbers.prefix('b')].map(({ key }) => key),
    ['b', 'ba'],
  )
  assert.deepEqual(
    [...numbers.range('b', 'c')].map(({ key }) => key),
    ['b', 'ba'],
  )
  assert.deepEqual(
    [...numbers.range(null, null, { reverse: true, limit: 2 })].map(({ key }) => key),
    ['d', 'c'],
  )
  assert.equal(numbers.approximateCount(), 4)
  assert.equal(numbers.name, 'numbers')
})

test('null and undefined keys and values have codes, and name the store', () => {
  const { numbers, objects } = stores()
  for (const nothing of [null, undefined]) {
    throwsCode(() => numbers.get(nothing as never), 'ERR_NULL_KEY', /store numbers: the key is (null|undefined)/)
    throwsCode(() => numbers.put(nothing as never, 1), 'ERR_NULL_KEY', /store numbers/)
    throwsCode(
      () => numbers.put('a', nothing as never),
      'ERR_NULL_VALUE',
      /store numbers: the value is (null|undefined)/,
    )
    throwsCode(() => objects.put('a', nothing as never), 'ERR_NULL_VALUE', /Use delete/)
  }
  assert.equal(numbers.has('a'), false)
})

test('limits are errors at put: 64 KiB for keys, and a size for values', () => {
  const harness = new Harness(
    [
      kvSpec('texts', string(), string()),
      kvSpec('trees', string(), json<string[]>()),
      kvSpec('raw', string(), bytes()),
    ],
    {
      limits: { maxValueBytes: 1000 },
    },
  )
  const texts = new KeyValueStore<string, string>(harness.state.store('texts'))
  texts.put('k'.repeat(65_536), 'v')
  throwsCode(() => texts.put('k'.repeat(65_537), 'v'), 'ERR_KEY_TOO_LARGE', /store texts: a key takes 65537 bytes/)
  assert.equal(texts.get('k'.repeat(65_537)), undefined)
  texts.get('k'.repeat(70_000))
  throwsCode(() => texts.put('k'.repeat(70_000), 'v'), 'ERR_KEY_TOO_LARGE', /70000/)
  texts.put('a', 'v'.repeat(1000))
  throwsCode(() => texts.put('a', 'v'.repeat(1001)), 'ERR_VALUE_TOO_LARGE', /store texts: a value takes 1001 bytes/)
  assert.equal(texts.get('a')?.length, 1000)
  const trees = new KeyValueStore<string, string[]>(harness.state.store('trees'))
  throwsCode(() => trees.put('a', ['v'.repeat(999)]), 'ERR_VALUE_TOO_LARGE', /store trees/)
  const raw = new KeyValueStore<string, Uint8Array>(harness.state.store('raw'))
  throwsCode(() => raw.put('a', new Uint8Array(1001)), 'ERR_VALUE_TOO_LARGE', /store raw/)
})

test('a value that its serde refuses fails at put, names the store, and changes nothing', () => {
  const { harness, numbers, objects } = stores()
  throwsCode(() => numbers.put('a', -1), 'ERR_SERDE', /store numbers: .*uint/)
  throwsCode(() => objects.put('a', { n: Number.NaN, tags: [] }), 'ERR_SERDE', /store objects/)
  throwsCode(() => objects.put('a', new Map() as never), 'ERR_SERDE', /store objects/)
  const cyclic: { n: number; tags: string[]; self?: unknown } = { n: 1, tags: [] }
  cyclic.self = cyclic
  throwsCode(() => objects.put('a', cyclic), 'ERR_SERDE', /store objects/)
  assert.equal(harness.state.dirty, false)
})

test('a hinted key is not encoded again; another one is, and objects never take the hint', () => {
  let encoded = 0
  const counting = {
    ...string(),
    write: (value: string, out: Parameters<ReturnType<typeof string>['write']>[1]) => {
      encoded++
      string().write(value, out)
    },
  }
  const harness = new Harness([kvSpec('counts', counting, json<number>())])
  const keys = new KeyEncoder<string>(counting)
  const store = new KeyValueStore<string, number>(harness.state.store('counts'), keys)
  keys.hint('ada', Buffer.from('..ada.'), 2, 5)
  store.put('ada', (store.get('ada') ?? 0) + 1)
  assert.equal(encoded, 0)
  store.put('bob', 1)
  assert.equal(encoded, 1)
  keys.clearHint()
  store.put('ada', (store.get('ada') ?? 0) + 1)
  assert.equal(encoded, 2)
  assert.deepEqual(
    [...store.entries()].map(({ key, value }) => [key, value]),
    [
      ['ada', 2],
      ['bob', 1],
    ],
  )

  const objectKeys = new KeyEncoder<{ id: number }>(json<{ id: number }>())
  const key = { id: 1 }
  objectKeys.hint(key, Buffer.from('{"id":1}'), 0, 8)
  key.id = 2
  objectKeys.encode(key, 'any')
  assert.equal(Buffer.from(objectKeys.bytes.subarray(objectKeys.start, objectKeys.end)).toString(), '{"id":2}')
})

test('immutable: what is no plain value is refused, so that nothing can change what is kept', () => {
  const { harness, numbers } = stores()
  const boxed: unknown = Object(7)
  throwsCode(() => numbers.put('a', boxed as number), 'ERR_SERDE', /store numbers/)
  const texts = new Harness([kvSpec('texts', string(), string())])
  const store = new KeyValueStore<string, string>(texts.state.store('texts'))
  const boxedText: unknown = Object('seven')
  throwsCode(() => store.put('a', boxedText as string), 'ERR_SERDE', /store texts/)
  numbers.put('a', 7)
  const frozen = harness.state.freeze(1)
  numbers.put('a', 8)
  harness.decide(drain(harness.state.delta(frozen)))
  drain(harness.state.commit(frozen))
  assert.deepEqual([numbers.get('a'), numbers.committed().get('a')], [8, 7])
})

test('copied: a value changed after put, or after get, changes nothing in a commit under way', () => {
  const { harness, blobs } = stores()
  const mine = new Uint8Array([1, 2, 3])
  blobs.put('a', mine)
  const frozen = harness.state.freeze(1)
  mine[0] = 9
  const got = blobs.get('a')
  if (got !== undefined) got[1] = 9
  for (const { value } of blobs.entries()) value[2] = 9
  harness.decide(drain(harness.state.delta(frozen)))
  drain(harness.state.commit(frozen))
  const again = new KeyValueStore<string, Uint8Array>(harness.open().store('blobs'))
  assert.deepEqual(again.get('a'), new Uint8Array([1, 2, 3]))
})
