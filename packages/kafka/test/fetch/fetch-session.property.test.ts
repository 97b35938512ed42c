import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FetchSession, type SessionRequest, type Wanted } from '../../src/fetch/fetch-session.ts'

const NOT_FOUND = 70
const INVALID_EPOCH = 71

/** What a broker remembers of sessions (KIP-227), as a model. */
class Broker {
  id = 0
  epoch = 0
  wanted = new Map<string, Wanted>()

  answer(request: SessionRequest, hasRoom: boolean): { readonly error: number; readonly sessionId: number } {
    if (request.sessionEpoch === 0) {
      this.wanted = this.#read(request)
      this.id = hasRoom ? this.id + 1 : 0
      this.epoch = 1
      return { error: 0, sessionId: this.id }
    }
    if (request.sessionId !== this.id || this.id === 0) return { error: NOT_FOUND, sessionId: 0 }
    if (request.sessionEpoch !== this.epoch) return { error: INVALID_EPOCH, sessionId: 0 }
    this.epoch++
    for (const [key, each] of this.#read(request)) this.wanted.set(key, each)
    for (const { id, partitions } of request.forgotten)
      for (const each of partitions) this.wanted.delete(`${id} ${each}`)
    return { error: 0, sessionId: this.id }
  }

  #read({ topics }: SessionRequest): Map<string, Wanted> {
    const read = new Map<string, Wanted>()
    for (const { id, partitions } of topics)
      for (const each of partitions) read.set(`${id} ${each.partition}`, { ...each, topicId: id })
    return read
  }
}

const wanted = fc.uniqueArray(
  fc.record({ topicId: fc.constantFrom('a', 'b'), partition: fc.nat(2), offset: fc.nat(3) }),
  { selector: ({ topicId, partition }) => `${topicId} ${partition}`, maxLength: 6 },
)
const fault = fc.constantFrom('none', 'none', 'none', 'lost', 'evicted', 'full')

test('whatever happens, the broker fetches exactly what is wanted', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(wanted, fault), { maxLength: 25 }), (rounds) => {
      const session = new FetchSession<string>()
      const broker = new Broker()
      for (const [list, trouble] of rounds) {
        const want = new Map<string, Wanted>()
        for (const each of list) {
          want.set(`${each.topicId} ${each.partition}`, { ...each, leaderEpoch: 0, lastFetchedEpoch: -1, maxBytes: 9 })
        }
        if (trouble === 'evicted') broker.id += 100
        const { error, sessionId } = broker.answer(session.next(want), trouble !== 'full')
        if (trouble === 'lost') session.lost()
        else if (session.answered(error, sessionId)) assert.deepEqual(new Set(broker.wanted), new Set(want))
        else assert.notEqual(error, 0)
      }
    }),
  )
})

test('a session names only what has changed', () => {
  const session = new FetchSession<string>()
  const one = { topicId: 'a', partition: 0, offset: 5, leaderEpoch: 0, lastFetchedEpoch: -1, maxBytes: 9 }
  const two = { ...one, partition: 1 }
  assert.equal(
    session.next(
      new Map([
        ['0', one],
        ['1', two],
      ]),
    ).topics[0]?.partitions.length,
    2,
  )
  assert.ok(session.answered(0, 44))
  const moved = { ...two, offset: 8 }
  const next = session.next(
    new Map([
      ['0', one],
      ['1', moved],
    ]),
  )
  assert.deepEqual(next, { sessionId: 44, sessionEpoch: 1, topics: [{ id: 'a', partitions: [moved] }], forgotten: [] })
  assert.ok(session.answered(0, 44))
  const last = session.next(new Map([['1', moved]]))
  assert.deepEqual(last, { sessionId: 44, sessionEpoch: 2, topics: [], forgotten: [{ id: 'a', partitions: [0] }] })
})
