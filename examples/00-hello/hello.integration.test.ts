import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../packages/tidemark/bin/tidemark.mjs', import.meta.url))
const JOB = fileURLToPath(new URL('./hello.job.ts', import.meta.url))
const VISITS = fileURLToPath(new URL('./visits.jsonl', import.meta.url))

const root = mkdtempSync(join(tmpdir(), 'tidemark-hello-'))
after(() => rmSync(root, { recursive: true, force: true }))

function tidemark(args: readonly string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', input })
  assert.equal(status, 0, stderr)
  return stdout
}

test('counts visits from standard input, and counts on in the next run', () => {
  const run = ['run', JOB, '--data-dir', root, '--in', 'visits=-', '--json']
  const scan = ['state', 'scan', '--data-dir', root, '--store', 'visits-by-user', '--json']
  tidemark(run, readFileSync(VISITS, 'utf8'))
  assert.equal(tidemark(scan), '{"key":"ada","value":3}\n{"key":"bob","value":2}\n{"key":"cleo","value":1}\n')
  tidemark(run, '{"user":"cleo","page":"/docs"}\n')
  assert.equal(tidemark(scan), '{"key":"ada","value":3}\n{"key":"bob","value":2}\n{"key":"cleo","value":2}\n')
  assert.equal(tidemark(['state', 'get', '--data-dir', root, '--store', 'visits-by-user', '--key', 'ada']), '3\n')
})
