import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findTests, inProcesses, TOGETHER } from '../../../../scripts/lib/test-files.ts'

test('each test file goes to one process, with its neighbours', () => {
  const files = ['a.test.ts', 'b.test.ts', 'c.test.ts', 'd.test.ts', 'e.test.ts']
  assert.deepEqual(inProcesses(files, 2), [files.slice(0, 2), files.slice(2, 4), files.slice(4)])
  assert.deepEqual(
    inProcesses(files, 1),
    files.map((file) => [file]),
  )
})

test('those that share a broker go to one, in their order, where the first of them stands', () => {
  const [first = [], second = []] = TOGETHER.map((starts) => starts.map((start) => `${start}test.ts`))
  const files = ['a.test.ts', ...second.toReversed(), 'b.test.ts', ...first.toReversed(), 'c.test.ts']
  assert.deepEqual(inProcesses(files, 1), [['a.test.ts'], second, ['b.test.ts'], first, ['c.test.ts']])
})

test('those that share a broker are there', () => {
  const files = findTests([])
  for (const start of TOGETHER.flat()) {
    assert.equal(files.filter((file) => file.startsWith(start)).length, 1, start)
  }
  assert.deepEqual(inProcesses(files, 8).flat().toSorted(), files.toSorted())
})
