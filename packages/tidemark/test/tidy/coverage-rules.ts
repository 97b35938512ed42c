import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERRORS } from '../../src/errors/table.ts'
import { checkErrorCodes, checkInvariants, invariantsIn } from './rules/coverage.ts'
import { expectNone, readSources, type Source } from './sources.ts'

const src = readSources(['packages/*/src/**/*.ts'])
const tests = readSources(['packages/*/test/**/*.ts', 'examples/**/*.test.ts']).filter(
  ({ path }) => !path.includes('/test/tidy/'),
)
const pages = readSources(['docs/internals/*.md'])
const [errorsPage = assert.fail('docs/guide/errors.md is missing')] = readSources(['docs/guide/errors.md'])

test('every error code is raised, tested and documented', () => {
  expectNone(checkErrorCodes(Object.keys(ERRORS), src, tests, errorsPage))
})

test('every numbered invariant has a test that names it', () => {
  assert.ok(pages.flatMap(invariantsIn).length >= 8, 'the invariants are found')
  expectNone(checkInvariants(pages, tests))
})

const raised: Source = { path: 'packages/tidemark/src/a.ts', text: "throw new TidemarkError('ERR_A', 'x')" }
const tested: Source = { path: 'packages/tidemark/test/a.test.ts', text: "assert.throws(f, { code: 'ERR_A' })" }
const page: Source = { path: 'docs/guide/errors.md', text: '`ERR_A`' }
const empty: Source = { path: 'packages/tidemark/src/b.ts', text: '' }

test('accepts a code that is raised, tested and documented', () => {
  assert.deepEqual(checkErrorCodes(['ERR_A'], [raised], [tested], page), [])
  const byPattern = { ...tested, text: 'assert.match(text, /ERR_A/)' }
  assert.deepEqual(checkErrorCodes(['ERR_A'], [raised], [byPattern], page), [])
})

test('finds a code without a test, also when only a comment names it', () => {
  assert.equal(checkErrorCodes(['ERR_A'], [raised], [empty], page).length, 1)
  assert.equal(checkErrorCodes(['ERR_A'], [raised], [{ ...tested, text: '// ERR_A' }], page).length, 1)
})

test('finds a code that nothing raises, also when the table names it', () => {
  assert.equal(checkErrorCodes(['ERR_A'], [empty], [tested], page).length, 1)
  const table = { path: 'packages/tidemark/src/errors/codes/a.ts', text: "const x = 'ERR_A'" }
  assert.equal(checkErrorCodes(['ERR_A'], [table], [tested], page).length, 1)
})

test('finds a code that is not documented, unknown, or a placeholder', () => {
  assert.equal(checkErrorCodes(['ERR_A'], [raised], [tested], { ...page, text: '' }).length, 1)
  const unknown = { ...tested, text: `${tested.text}\nconst x = 'ERR_B'` }
  assert.equal(checkErrorCodes(['ERR_A'], [raised], [unknown], page).length, 1)
  const name = 'ERR_PLACEHOLDER_X'
  const rename = (s: Source): Source => ({ ...s, text: s.text.replace('ERR_A', name) })
  assert.equal(checkErrorCodes([name], [rename(raised)], [rename(tested)], rename(page)).length, 1)
})

test('finds an invariant that no test names', () => {
  const rules: Source = { path: 'docs/internals/x.md', text: '# X\n\n- **C1** one\n- **C12** two\n' }
  const named = (name: string): Source => ({ path: 'a.test.ts', text: `test('${name}', () => {})` })
  assert.deepEqual(checkInvariants([rules], [named('C1 holds'), named('(C12)')]), [])
  assert.equal(checkInvariants([rules], [named('C12 holds')]).length, 1)
  assert.equal(checkInvariants([rules], [{ path: 'a.test.ts', text: '// C1 C12' }]).length, 2)
})
