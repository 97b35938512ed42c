import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { nodeProcesses } from '../../src/disk/process-table.ts'

test('process table: this process has one stable identity', () => {
  assert.equal(nodeProcesses.pid, process.pid)
  const identity = nodeProcesses.identity(process.pid)
  assert.equal(nodeProcesses.identity(process.pid), identity)
  if (process.platform === 'linux') assert.match(identity ?? '', /^[0-9a-f-]{36}\/\d+$/)
})

test('process table: another process has another identity, a dead one none', () => {
  if (process.platform === 'linux') {
    assert.notEqual(nodeProcesses.identity(process.ppid), nodeProcesses.identity(process.pid))
  }
  const ended = spawnSync(process.execPath, ['-e', ''])
  assert.equal(nodeProcesses.identity(ended.pid), null)
})
