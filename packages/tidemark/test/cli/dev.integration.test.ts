import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../until.ts'
import { tidemark, Tidemark } from './spawn.ts'
import { temporary, TIDEMARK } from './temporary.ts'

const JOB = `
import { defineJob, json, kv, stream, string, uint } from '${TIDEMARK}'
import { weight } from './weight.ts'
export const visits = stream('visits', { key: string(), value: json<{ user: string }>(), partitions: 1 })
export const perUser = kv('per-user', { key: string(), value: uint() })
export default defineJob('visits', (job) =>
  job.from(visits).groupBy((v) => v.user).aggregate(perUser, { init: () => 0, add: (n) => n + weight }))
`

test('dev starts again when a module that the job imports changes, with the state kept, and survives a syntax error', async () => {
  const root = temporary({
    'package.json': '{"type":"module"}',
    'visits.job.ts': JOB,
    'weight.ts': 'export const weight = 1\n',
    'visits.jsonl': '{"user":"ada"}\n',
  })
  const data = join(root, 'data')
  const count = async (value: number): Promise<boolean> => {
    const { out } = await tidemark(['state', 'get', '--data-dir', data, '--store', 'per-user', '--key', 'ada'])
    return out === `${value}\n`
  }
  const args = ['dev', 'visits.job.ts', '--in', 'visits=visits.jsonl', '--data-dir', data, '--commit-interval', '50ms']
  const dev = new Tidemark(args, { cwd: root })
  await until('the first visit counts 1', () => count(1))

  writeFileSync(join(root, 'weight.ts'), 'export const weight = 10\n')
  await until('the change is seen', () => dev.error.includes('weight.ts changed; starting again'))
  appendFileSync(join(root, 'visits.jsonl'), '{"user":"ada"}\n')
  await until('the second visit counts 10 on top', () => count(11))

  writeFileSync(join(root, 'weight.ts'), 'export const weight = = 1\n')
  await until('the error is shown', () => /ERR_JOB_SYNTAX(.*\n)*.*waiting for a change/.test(dev.error))
  writeFileSync(join(root, 'weight.ts'), 'export const weight = 100\n')
  appendFileSync(join(root, 'visits.jsonl'), '{"user":"ada"}\n')
  await until('the third visit counts 100 on top', () => count(111))

  dev.child.kill('SIGINT')
  const outcome = await dev.done
  assert.equal(outcome.exit, 0, outcome.error)
})
