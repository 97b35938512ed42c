import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromWireError, isTidemarkError, TidemarkError, toWireError } from '../../src/errors/error.ts'

/** As postMessage carries it. */
function across(error: unknown): Error {
  return fromWireError(structuredClone(toWireError(error)))
}

test('code, message, details, stack and the causes of an error cross a thread', () => {
  const root = new RangeError('thirteen')
  const middle = new TidemarkError('ERR_SERDE', 'not a string', { cause: root, details: { offset: 5 } })
  const top = new TidemarkError('ERR_HANDLER_FAILED', 'failed', { cause: middle, details: { stream: 'orders' } })
  const error = across(top)
  assert.ok(isTidemarkError(error, 'ERR_HANDLER_FAILED'))
  assert.deepEqual([error.message, error.details, error.stack], ['failed', { stream: 'orders' }, top.stack])
  const second = error.cause
  assert.ok(isTidemarkError(second, 'ERR_SERDE'))
  assert.deepEqual([second.message, second.details, second.stack], ['not a string', { offset: 5 }, middle.stack])
  const third = second.cause as Error
  assert.deepEqual([third.name, third.message, third.stack], ['RangeError', 'thirteen', root.stack])
  assert.equal(third.cause, undefined)
})

test('what is no error crosses as its text, as a cause too', () => {
  assert.equal(across('plain').message, 'plain')
  assert.equal((across(new Error('outer', { cause: 42 })).cause as Error).message, '42')
  assert.equal(across(new Error('outer', { cause: null })).cause, undefined)
})

test('a ring of causes ends after eight', () => {
  const ring = new Error('ring')
  ring.cause = ring
  let depth = 0
  for (let at = across(ring).cause as Error | undefined; at !== undefined; at = at.cause as Error | undefined) depth++
  assert.equal(depth, 8)
})
