import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findFiles, ROOT } from '../../../../scripts/lib/paths.ts'

const TESTS = 'packages/tidemark/test/'

/** Names in the last column of a table: the tests that show its line. */
function namesIn(line: string): string[] {
  const last = line.split('|').at(-2) ?? ''
  return [...last.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '')
}

test('every test that the page of faults names is there', () => {
  const page = readFileSync(join(ROOT, 'docs/internals/faults.md'), 'utf8')
  const lines = page.split('\n').filter((line) => line.startsWith('| ') && line.includes('`'))
  const files = findFiles([`${TESTS}**/*.test.ts`]).map((path) => path.slice(path.indexOf(TESTS) + TESTS.length))
  const names = lines.flatMap(namesIn)
  assert.ok(names.length > 60, `${names.length} names`)
  const missing = names.filter((name) => {
    const text = name.replaceAll('*', '')
    return !files.some(
      (file) => file.includes(`${text}.`) || (name.includes('*') && file.startsWith(text.split('.')[0] ?? '')),
    )
  })
  assert.deepEqual(missing, [])
})
