import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editDistance, nearest, suggestion } from '../../src/ops/nearest.ts'

test('edit distance counts inserts, deletes, replacements and swaps', () => {
  assert.equal(editDistance('', ''), 0)
  assert.equal(editDistance('run', 'run'), 0)
  assert.equal(editDistance('', 'run'), 3)
  assert.equal(editDistance('run', 'runn'), 1)
  assert.equal(editDistance('plan', 'pln'), 1)
  assert.equal(editDistance('state', 'stale'), 1)
  assert.equal(editDistance('sacn', 'scan'), 1)
  assert.equal(editDistance('kitten', 'sitting'), 3)
})

test('nearest gives the closest name, and none when nothing is close', () => {
  const names = ['--data-dir', '--drain-timeout', '--partitions']
  assert.equal(nearest('--dta-dir', names), '--data-dir')
  assert.equal(nearest('--PARTITION', names), '--partitions')
  assert.equal(nearest('--brokers', names), undefined)
  assert.equal(nearest('x', []), undefined)
})

test('a suggestion names the nearest, or lists what there is', () => {
  assert.equal(suggestion('vists', ['visits', 'users']), ' Did you mean "visits"?')
  assert.equal(suggestion('abcdef', ['visits', 'users']), ' There are: visits, users.')
  assert.equal(suggestion('abcdef', ['visits']), ' There is: visits.')
  assert.equal(suggestion('abcdef', []), '')
  const many = Array.from({ length: 15 }, (_, i) => `a-long-stream-name-${i}`)
  assert.match(suggestion('x', many), /and 3 more\.$/)
})
