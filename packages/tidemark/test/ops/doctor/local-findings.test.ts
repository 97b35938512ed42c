import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LocalFacts, localFindings } from '../../../src/ops/doctor/local-findings.ts'

const GIB = 1024 ** 3
const WELL: LocalFacts = {
  nodeVersion: 'v24.21.0',
  directory: '/data',
  writeFailure: null,
  exists: true,
  ownerPid: null,
  totalBytes: 100 * GIB,
  freeBytes: 50 * GIB,
  fileSystem: null,
  syncMs: [1, 2, 3],
  fileClockAheadMs: 1,
  newestAheadMs: -500,
  openFiles: 65_536,
}

/** What is not well, as `level check`. */
function found(facts: Partial<LocalFacts>): string[] {
  const findings = localFindings({ ...WELL, ...facts })
  for (const { level, advice } of findings) assert.equal(advice === null, level === 'ok')
  return findings.filter(({ level }) => level !== 'ok').map(({ level, check }) => `${level} ${check}`)
}

test('a machine that is well has nothing but ok', () => {
  assert.deepEqual(found({}), [])
  assert.deepEqual(found({ openFiles: Number.POSITIVE_INFINITY, ownerPid: 7, exists: false, newestAheadMs: null }), [])
  assert.deepEqual(
    found({ totalBytes: null, freeBytes: null, syncMs: [], openFiles: null, fileClockAheadMs: null }),
    [],
  )
})

test('an old Node', () => assert.deepEqual(found({ nodeVersion: 'v20.19.0' }), ['problem node.version']))

test('a data directory that cannot be written', () => {
  const [first] = localFindings({ ...WELL, writeFailure: 'EACCES' }).filter(({ level }) => level === 'problem')
  assert.equal(first?.check, 'disk.write')
  assert.match(first?.text ?? '', /EACCES/)
  assert.equal(first?.subject, 'data directory /data')
})

test('little space, and none', () => {
  assert.deepEqual(found({ freeBytes: 4 * GIB }), ['warning disk.space'])
  assert.deepEqual(found({ totalBytes: 2 * GIB, freeBytes: GIB / 2 }), ['warning disk.space'])
  assert.deepEqual(found({ freeBytes: 50 * 1024 ** 2 }), ['problem disk.space'])
})

test('file systems that do not keep, or do not lock', () => {
  assert.deepEqual(found({ fileSystem: 'memory' }), ['warning disk.kind'])
  assert.deepEqual(found({ fileSystem: 'network' }), ['warning disk.kind'])
})

test('slow syncs: the median counts, not one that was slow', () => {
  assert.deepEqual(found({ syncMs: [1, 2, 900] }), [])
  assert.deepEqual(found({ syncMs: [60, 70, 900] }), ['warning disk.sync'])
})

test('a clock that has gone back, or is not that of the files', () => {
  assert.deepEqual(found({ newestAheadMs: 60_000 }), ['warning clock'])
  assert.deepEqual(found({ fileClockAheadMs: -60_000 }), ['warning clock'])
})

test('a low limit of open files', () => {
  assert.deepEqual(found({ openFiles: 1024 }), ['warning files.limit'])
  assert.deepEqual(found({ openFiles: 256 }), ['problem files.limit'])
})
