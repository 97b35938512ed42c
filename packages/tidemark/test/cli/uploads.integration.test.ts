import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { runCli } from '../../src/cli/program.ts'
import { FakeTerminal, fakeContext } from './fake-terminal.ts'
import { tidemark } from './spawn.ts'
import { temporary, VISITS_JOB } from './temporary.ts'

const VISITS = ['ada', 'bob', 'ada'].map((user) => `${JSON.stringify({ user, page: '/' })}\n`).join('')

it('C8 --checkpoint-to keeps checkpoints there, checkpoint list shows them, and state that is gone comes from there', async () => {
  const cwd = temporary({ 'visits.job.ts': VISITS_JOB, 'visits.jsonl': VISITS })
  const to = pathToFileURL(join(cwd, 'elsewhere')).href
  const run = ['run', 'visits.job.ts', '--in', 'visits=visits.jsonl', '--checkpoint-to', to, '--json']
  const first = await tidemark(run, { cwd })
  assert.equal(first.exit, 0, first.error)
  const list = await tidemark(['checkpoint', 'list', '--checkpoint-to', to, '--json'], { cwd })
  assert.equal(list.exit, 0, list.error)
  const rows = list.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const there = rows.filter((row) => row['where'] === to)
  assert.ok(there.length > 0, list.out)
  assert.ok(there.every((row) => Number(row['bytes']) > 0 || row['files'] === 0))
  const table = await tidemark(['checkpoint', 'list', '--checkpoint-to', to], { cwd })
  assert.match(table.out, new RegExp(`at ${to}:`))

  rmSync(join(cwd, '.tidemark', 'state'), { recursive: true })
  const again = await tidemark(run, { cwd })
  assert.equal(again.exit, 0, again.error)
  assert.match(again.error, /task \d+ is restored: checkpoint \d+/)

  // Where a person looks, one line tells how far it is.
  rmSync(join(cwd, '.tidemark', 'state'), { recursive: true })
  const terminal = new FakeTerminal({ isTerminal: true })
  assert.equal(await runCli(run, fakeContext({ cwd, terminal })), 0, terminal.error)
  assert.match(terminal.error, /\[2Krestoring: \d+% of [\d.]+ MiB, [\d.]+ MiB\/s.*, \d of \d tasks done/)
  const wrong = await tidemark([...run.slice(0, 4), '--checkpoint-to', 'elsewhere'], { cwd })
  assert.match(wrong.error, /--checkpoint-to: checkpoint.to takes file:\/\/\/directory or s3:\/\/bucket\/prefix/)
})
