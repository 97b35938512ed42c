import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkDefaultExport, checkFileSize, checkFunctionSize, checkName } from './rules/shape.ts'
import { CODE, expectNone, problemsOf, readSources } from './sources.ts'

const sources = readSources(CODE)

test('no file has more than 500 lines', () => {
  expectNone(problemsOf(sources, checkFileSize))
})

test('no function has more than 70 lines', () => {
  expectNone(problemsOf(sources, checkFunctionSize))
})

test('file names are kebab-case', () => {
  expectNone(problemsOf(sources, checkName))
})

test('only jobs, configurations and reporters have a default export', () => {
  expectNone(problemsOf(sources, checkDefaultExport))
})

const lines = (count: number): string => 'x()\n'.repeat(count)

test('finds a file of 501 lines, and accepts one of 500', () => {
  assert.equal(checkFileSize({ path: 'a.ts', text: lines(501) }).length, 1)
  assert.equal(checkFileSize({ path: 'a.ts', text: lines(500) }).length, 0)
})

test('finds functions of 71 lines of every kind, and accepts 70', () => {
  const kinds: readonly (readonly [string, string])[] = [
    ['function f() {\n', '}\n'],
    ['const f = () => {\n', '}\n'],
    ['const f = function () {\n', '}\n'],
    ['class A { m() {\n', '} }\n'],
    ['class A { constructor() {\n', '} }\n'],
    ['class A { get x() {\n', '} }\n'],
    ['test("x", () => {\n', '})\n'],
  ]
  for (const [open, close] of kinds) {
    assert.equal(checkFunctionSize({ path: 'a.ts', text: open + lines(69) + close }).length, 1, open)
    assert.equal(checkFunctionSize({ path: 'a.ts', text: open + lines(68) + close }).length, 0, open)
  }
  assert.equal(checkFunctionSize({ path: 'a.ts', text: `describe("x", () => {\n${lines(99)}})\n` }).length, 0)
})

test('finds names that are not kebab-case', () => {
  for (const path of ['src/fooBar.ts', 'src/Foo.ts', 'src/foo_bar.ts', 'src/Log/a.ts', 'src/-a.ts']) {
    assert.equal(checkName({ path, text: '' }).length, 1, path)
  }
  for (const path of [
    'src/foo-bar.ts',
    'src/a.property.test.ts',
    'examples/01-flights/flights.job.ts',
    'a/crc32c.ts',
  ]) {
    assert.equal(checkName({ path, text: '' }).length, 0, path)
  }
})

test('finds default exports', () => {
  for (const text of [
    'export default 1',
    'export default function f() {}',
    'export default class A {}',
    'const x = 1\nexport { x as default }',
    "export { default } from './b.ts'",
  ]) {
    assert.equal(checkDefaultExport({ path: 'src/a.ts', text }).length, 1, text)
    assert.equal(checkDefaultExport({ path: 'src/a.job.ts', text }).length, 0, text)
  }
  assert.equal(checkDefaultExport({ path: 'src/a.ts', text: 'export const x = 1' }).length, 0)
})
