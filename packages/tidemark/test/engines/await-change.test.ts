import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { awaitChange } from '../../src/engines/await-change.ts'

/** Wakes whoever waits, many times, as a notification of the change before does that comes late; then changes. */
const LATE = `
const { workerData } = require('node:worker_threads')
const counter = new Int32Array(workerData)
let woken = 0
while (woken < 20) woken += Atomics.notify(counter, 0)
Atomics.store(counter, 1, woken)
Atomics.add(counter, 0, 1)
Atomics.notify(counter, 0)
`

test('a notification without a change does not end the wait', async () => {
  const shared = new SharedArrayBuffer(8)
  const counter = new Int32Array(shared)
  const worker = new Worker(LATE, { eval: true, workerData: shared })
  assert.equal(awaitChange(counter, 0, 30_000), true)
  assert.equal(Atomics.load(counter, 0), 1, 'it has changed')
  assert.equal(Atomics.load(counter, 1), 20, 'after it was woken in vain')
  await worker.terminate()
})

test('a change that has been is seen at once, and one that does not come is told after the time', () => {
  const counter = new Int32Array(new SharedArrayBuffer(4))
  assert.equal(awaitChange(counter, 1, 30_000), true)
  assert.equal(awaitChange(counter, 0, 5), false)
})
