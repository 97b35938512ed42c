import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Outcome, tidemark } from './spawn.ts'
import { temporary, VISITS_JOB } from './temporary.ts'

const ROOT = temporary({
  'package.json': '{"type":"module"}',
  'visits.job.ts': VISITS_JOB,
  'visits.jsonl': '{"user":"ada","page":"/"}\n{"user":"bob","page":"/"}\n{"user":"ada","page":"/docs"}\n',
})

async function ran(name: string): Promise<string> {
  const data = join(ROOT, name)
  const job = join(ROOT, 'visits.job.ts')
  const outcome = await tidemark(['run', job, '--data-dir', data, '--in', 'visits=visits.jsonl'], { cwd: ROOT })
  assert.equal(outcome.exit, 0, outcome.error)
  return data
}

function state(data: string, ...args: string[]): Promise<Outcome> {
  return tidemark(['state', ...args, '--data-dir', data])
}

/** The sorted files of all tasks. */
function sortedFiles(data: string): string[] {
  const names = readdirSync(join(data, 'state'), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.sorted')).map((name) => join(data, 'state', name))
}

function linesOf(outcome: Outcome): Record<string, unknown>[] {
  return outcome.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('state verify: exit 0 when all is well; exit 5, the file and the position when a bit is wrong', async () => {
  const data = await ran('verified')
  const good = await state(data, 'verify')
  assert.equal(good.exit, 0, good.error)
  assert.match(good.out, /^verified \d+ state files with 2 entries, .* partitions: everything is as it was written\n$/)
  const [path] = sortedFiles(data)
  assert.ok(path !== undefined)
  const bytes = readFileSync(path)
  bytes[3] = (bytes[3] as number) ^ 1
  writeFileSync(path, bytes)
  const bad = await state(data, 'verify')
  assert.equal(bad.exit, 5)
  assert.ok(bad.out.includes(`DAMAGE    ${path}, byte 0, store "visits-by-user": `), bad.out)
  assert.match(bad.out, /: \d damages?\n$/)
  const json = await state(data, 'verify', '--json')
  assert.equal(json.exit, 5)
  const lines = linesOf(json)
  assert.ok(lines.some(({ finding }) => (finding as { file?: string } | undefined)?.file === path))
  assert.ok(Number(lines.at(-1)?.['damages']) >= 1)
  rmSync(path)
  const gone = await state(data, 'verify', '--store', 'visits-by-user')
  assert.equal(gone.exit, 5)
  assert.match(gone.out, /is missing, but checkpoint \d+ is made of it/)
  const unknown = await state(data, 'verify', '--store', 'visits-by-usr')
  assert.match(unknown.error, /ERR_UNKNOWN_STORE/)
})
