import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { GeneratorSource } from '../../src/sources/generator-source.ts'
import { RowBatch } from '../../src/sources/row-batch.ts'
import { StdinSource } from '../../src/sources/stdin-source.ts'
import { noWait, readSource } from './support.ts'

test('standard input: idle while nothing comes, whole lines, the last one without line end', async () => {
  const stream = new PassThrough()
  const source = new StdinSource({ stream, format: 'jsonl', waiter: noWait })
  await source.open(null)
  assert.deepEqual((await readSource(source, 'idle')).values, [])
  stream.write('1\n2\n3')
  const batch = new RowBatch()
  while ((await source.next(batch)) === 'idle');
  assert.deepEqual(batch.values.slice(0, batch.count), [1, 2])
  assert.deepEqual(source.position(), { kind: 'stdin', rows: 2 })
  stream.end('4')
  assert.deepEqual((await readSource(source)).values, [34])
  await source.close()
})

test('standard input counts its rows on from an earlier run', async () => {
  const stream = new PassThrough()
  const source = new StdinSource({ stream, format: 'csv', waiter: noWait })
  await source.open({ kind: 'stdin', rows: 5 })
  stream.end('a\n1\n2\n')
  assert.deepEqual((await readSource(source)).values, [{ a: '1' }, { a: '2' }])
  assert.equal(source.rows, 7)
})

test('standard input can be closed while nothing comes', async () => {
  const source = new StdinSource({ stream: new PassThrough(), format: 'jsonl', waiter: noWait })
  await source.open(null)
  assert.equal(await source.next(new RowBatch()), 'idle')
  await source.close()
})

test('a generator of a function goes on at its position', async () => {
  const make = (): GeneratorSource =>
    new GeneratorSource({ name: 'g', count: 3000, rows: (i) => ({ key: `k${i}`, value: i, timestamp: i * 10 }) })
  const source = make()
  await source.open(null)
  const batch = new RowBatch()
  assert.equal(await source.next(batch), 'rows')
  assert.deepEqual([batch.values[7], batch.keys?.[7], batch.timestamps?.[7]], [7, 'k7', 70])
  const again = make()
  await again.open(source.position())
  const rest = await readSource(again)
  assert.deepEqual(
    rest.values,
    Array.from({ length: 3000 - batch.count }, (_, i) => batch.count + i),
  )
})

test('a generator of an iterable ends with it, and skips what was taken before', async () => {
  const rows = [1, 2, 3].map((value) => ({ value }))
  const source = new GeneratorSource({ name: 'g', count: 100, rows })
  await source.open({ kind: 'generator', rows: 1 })
  assert.deepEqual((await readSource(source)).values, [2, 3])
  assert.equal(source.rows, 3)
})
