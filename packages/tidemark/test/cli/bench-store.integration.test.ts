import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { errorOf, tidemark } from './spawn.ts'
import { temporary } from './temporary.ts'

const DIRECTORY = temporary({})
const SMALL = ['--keys', '2000', '--duration', '20ms', '--commit-every', '500', '--dir', DIRECTORY]

test('bench store prints one object a line for each engine and workload, and leaves nothing behind', async () => {
  const { exit, out } = await tidemark(['bench', 'store', ...SMALL, '--engines', 'lsm,rocksdb,leveldb,lmdb', '--json'])
  assert.equal(exit, 0)
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const workloads = ['put', 'get-hot', 'get-cold', 'get-missing', 'range', 'mixed-50', 'mixed-95']
  const engines = ['lsm', 'rocksdb', 'leveldb', 'lmdb']
  assert.deepEqual(
    lines.map(({ engine, workload }) => [engine, workload]),
    engines.flatMap((engine) => workloads.map((workload) => [engine, workload])),
  )
  for (const line of lines) {
    assert.deepEqual(Object.keys(line), ['engine', 'workload', 'keys', 'opsPerSecond', 'p99Us'])
    assert.equal(line['keys'], 2000)
    assert.ok((line['opsPerSecond'] as number) > 0 && (line['p99Us'] as number) > 0, JSON.stringify(line))
  }
  assert.deepEqual(readdirSync(DIRECTORY), [])
})

test('without --json it is a table; some workloads only; skewed', async () => {
  const some = ['--engines', 'memory', '--workloads', 'mixed-95,get-hot', '--distribution', 'zipf']
  const { exit, out } = await tidemark(['bench', 'store', ...SMALL, ...some])
  assert.equal(exit, 0)
  const rows = out.trim().split('\n')
  assert.match(rows[0] as string, /engine +workload +keys +per second +p99 +on disk/)
  assert.deepEqual(
    rows.slice(1).map((row) => row.split(/ +/).slice(0, 2)),
    [
      ['memory', 'get-hot'],
      ['memory', 'mixed-95'],
    ],
  )
})

test('a load that takes too long is told as far as it came, the other workloads of the engine are left out', async () => {
  const some = ['--keys', '3000000', '--load-limit', '300ms', '--workloads', 'get-hot', '--engines', 'lsm,memory']
  const { exit, out, error } = await tidemark(['bench', 'store', ...SMALL.slice(2), ...some, '--json'])
  assert.equal(exit, 0, error)
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { engine: string; workload: string; keys: number })
  assert.deepEqual(
    lines.map(({ engine, workload }) => `${engine} ${workload}`),
    ['lsm put', 'memory put'],
  )
  for (const { engine, keys } of lines) {
    assert.ok(keys > 0 && keys < 3_000_000, String(keys))
    const shown = keys.toLocaleString('en-US')
    assert.ok(error.includes(`${engine}: the load was ended by --load-limit at ${shown} keys; its other`), error)
  }
  assert.deepEqual(readdirSync(DIRECTORY), [])
})

test('unknown engines, workloads and numbers are errors with the nearest name (ERR_ENGINE_UNKNOWN, ERR_USAGE)', async () => {
  const engine = await tidemark(['bench', 'store', '--engines', 'rockdb', '--json'])
  assert.equal(errorOf(engine).code, 'ERR_ENGINE_UNKNOWN')
  assert.match(engine.error, /rocksdb/)
  const workload = await tidemark(['bench', 'store', '--workloads', 'get', '--json'])
  assert.equal(errorOf(workload).code, 'ERR_USAGE')
  for (const flag of [
    ['--keys', '5'],
    ['--distribution', 'normal'],
    ['--duration', 'soon'],
    ['--cache', '64MB'],
    ['--flush-size', '0'],
  ]) {
    assert.equal(errorOf(await tidemark(['bench', 'store', ...flag, '--json'])).code, 'ERR_USAGE', flag.join(' '))
  }
})
