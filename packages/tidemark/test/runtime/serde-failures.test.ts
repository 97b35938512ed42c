import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytes, defineJob, int32, json, kv, msgpack, stream, string, uint } from '../../src/index.ts'
import type { ErrorPolicy, Serde } from '../../src/index.ts'
import { type TestJob, testJob } from '../../src/testing/index.ts'
import { encode } from '../serde/encode.ts'

interface Visit {
  readonly page: string
}

/** What is read, by serdes that not every byte string is of, and the same stream as whoever writes nonsense sees it. */
const visits = (value: Serde<Visit>) => stream('visits', { key: int32(), value })
const anything = stream('visits', { key: bytes(), value: bytes() })
const bad = stream('bad', { key: bytes(), value: bytes() })
const pages = kv('pages', { key: string(), value: uint() })

const KEY = Uint8Array.of(0x80, 0, 0, 7)
/** 40 bytes, of which a message shows 32. */
const NONSENSE = new Uint8Array(40).fill(0xc1)

function start(value: Serde<Visit>, onError: ErrorPolicy): TestJob {
  const input = visits(value)
  const job = defineJob('reading', {
    inputs: { visits: input },
    stores: { pages },
    task: {
      visits(message, { stores }) {
        // Below zero is nothing that uint() can keep.
        stores.pages.put(message.value.page, message.value.page === '/negative' ? -1 : message.key)
      },
    },
  })
  return testJob(job, { onError })
}

function send(t: TestJob, key: Uint8Array, value: Uint8Array): void {
  t.send(anything, key, value)
}

function whole(error: unknown): string {
  const texts: string[] = []
  for (let each = error; each instanceof Error; each = each.cause) texts.push(each.message)
  return texts.join('\n')
}

const GOOD = new TextEncoder().encode('{"page":"/"}')

for (const [name, value] of [
  ['json', json<Visit>()],
  ['msgpack', msgpack<Visit>()],
] as const) {
  describe(`ERR_SERDE: bytes that ${name}() cannot read`, () => {
    it('fail: the error names stream, partition and offset, and shows at most 32 of the bytes', () => {
      const t = start(value, 'fail')
      assert.throws(
        () => send(t, KEY, NONSENSE),
        (error) => {
          const text = whole(error)
          assert.match(text, /stream visits, partition 0, offset 0/)
          assert.match(text, new RegExp(`40 bytes 0x${'c1'.repeat(32)}…`))
          return !text.includes('c1'.repeat(33))
        },
      )
    })

    it('drop: it is counted, and the next record is processed', () => {
      const t = start(value, 'drop')
      send(t, KEY, NONSENSE)
      send(t, KEY, encode(value, { page: '/' }))
      assert.equal(t.dropped, 1)
      assert.equal(t.store(pages).get('/'), 7)
      t.close()
    })

    it('deadLetter: it is put aside as it came, with cause and place', () => {
      const t = start(value, { deadLetter: 'bad' })
      send(t, KEY, NONSENSE)
      const [letter, ...more] = t.messages(bad)
      assert.deepEqual(more, [])
      assert.deepEqual([letter?.key, letter?.value], [KEY, NONSENSE])
      const headers = (letter?.headers ?? []).map(([header, text]) => `${header}=${Buffer.from(text ?? []).toString()}`)
      assert.match(
        headers.join('\n'),
        /^tm-error=the value at stream visits, partition 0, offset 0 is not .*: 40 bytes 0xc1/,
      )
      t.close()
    })
  })
}

describe('ERR_SERDE: keys, and values for a store', () => {
  it('a key that cannot be read is named, dropped or put aside as a value is', () => {
    const short = Uint8Array.of(1, 2)
    assert.throws(
      () => send(start(json<Visit>(), 'fail'), short, GOOD),
      (error) => /the key at stream visits, partition 0, offset 0 is not int32.*2 bytes 0x0102/s.test(whole(error)),
    )
    const dropping = start(json<Visit>(), 'drop')
    send(dropping, short, GOOD)
    send(dropping, KEY, GOOD)
    assert.equal(dropping.dropped, 1)
    assert.deepEqual(dropping.store(pages).entries(), [{ key: '/', value: 7 }])
    const aside = start(json<Visit>(), { deadLetter: 'bad' })
    send(aside, short, GOOD)
    assert.deepEqual(aside.messages(bad)[0]?.key, short)
  })

  it('a value that a store cannot keep names the store and the message, and goes by the policy', () => {
    const negative = new TextEncoder().encode('{"page":"/negative"}')
    assert.throws(
      () => send(start(json<Visit>(), 'fail'), KEY, negative),
      (error) => {
        const text = whole(error)
        return /store pages: uint\(\) got -1/.test(text) && /stream visits, partition 0, offset 0/.test(text)
      },
    )
    const aside = start(json<Visit>(), { deadLetter: 'bad' })
    send(aside, KEY, negative)
    send(aside, KEY, GOOD)
    assert.equal(aside.messages(bad).length, 1)
    assert.deepEqual(aside.store(pages).entries(), [{ key: '/', value: 7 }])
    aside.close()
  })
})
