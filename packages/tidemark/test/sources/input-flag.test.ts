import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkInputFile, parseInputFlag, parseOutputFlag } from '../../src/sources/input-flag.ts'
import { formatOf } from '../../src/sources/input-format.ts'
import { temporaryDirectory } from './support.ts'

test('--in names a stream, a path and a format', () => {
  assert.deepEqual(parseInputFlag('visits=-'), { stream: 'visits', spec: { path: '-', format: 'jsonl' } })
  assert.deepEqual(parseInputFlag('v=a=b/c.CSV.gz'), { stream: 'v', spec: { path: 'a=b/c.CSV.gz', format: 'csv' } })
  assert.deepEqual(parseInputFlag('v=csv:-'), { stream: 'v', spec: { path: '-', format: 'csv' } })
  assert.deepEqual(parseInputFlag('v=jsonl:dump.txt'), { stream: 'v', spec: { path: 'dump.txt', format: 'jsonl' } })
  assert.deepEqual(parseInputFlag('v=./csv:x.json').spec, { path: './csv:x.json', format: 'json' })
})

test('a wrong --in is ERR_INPUT_FLAG with an example', () => {
  for (const flag of ['visits.jsonl', '=x.jsonl', 'visits=', 'visits=csv:']) {
    assert.throws(() => parseInputFlag(flag), { code: 'ERR_INPUT_FLAG' }, flag)
  }
  assert.throws(() => parseInputFlag('visits.jsonl'), { message: /there is no =. Write --in visits=visits.jsonl/ })
})

test('an unknown extension is ERR_INPUT_FORMAT and lists the known ones', () => {
  for (const flag of ['v=rows.xml', 'v=rows', 'v=rows.gz', 'v=rows.constructor']) {
    assert.throws(() => parseInputFlag(flag), {
      code: 'ERR_INPUT_FORMAT',
      message: /\.jsonl, \.ndjson, \.json and \.csv/,
    })
  }
  assert.deepEqual(formatOf('rows.gz', 'csv'), { format: 'csv', compression: 'gz' })
  assert.deepEqual(formatOf('rows.ndjson.zst'), { format: 'jsonl', compression: 'zst' })
})

test('--out names a stream and a path; a wrong one is ERR_OUTPUT_FLAG', () => {
  assert.deepEqual(parseOutputFlag('counts=-'), { stream: 'counts', spec: { path: '-' } })
  assert.throws(() => parseOutputFlag('counts'), {
    code: 'ERR_OUTPUT_FLAG',
    message: /Write --out counts=counts.jsonl/,
  })
})

test('a missing file is ERR_FILE_NOT_FOUND with the nearest name, a directory is ERR_INPUT_NOT_FILE', (t) => {
  const directory = temporaryDirectory(t)
  writeFileSync(join(directory, 'visits.jsonl'), '')
  writeFileSync(join(directory, 'orders.csv'), '')
  mkdirSync(join(directory, 'inner'))
  checkInputFile('-')
  checkInputFile(join(directory, 'visits.jsonl'))
  assert.throws(() => checkInputFile(join(directory, 'visit.jsonl')), {
    code: 'ERR_FILE_NOT_FOUND',
    message: /Did you mean .*visits\.jsonl\?$/,
  })
  assert.throws(() => checkInputFile(join(directory, 'zzz')), { message: /Check the path\.$/ })
  assert.throws(() => checkInputFile(join(directory, 'no', 'x.csv')), { code: 'ERR_FILE_NOT_FOUND' })
  assert.throws(() => checkInputFile(join(directory, 'inner')), { code: 'ERR_INPUT_NOT_FILE' })
})
