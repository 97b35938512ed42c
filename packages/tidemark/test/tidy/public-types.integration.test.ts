import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ROOT, findFiles } from '../../../../scripts/lib/paths.ts'
import { checkPublicTypes } from './rules/public-types.ts'
import { expectNone, type Problem } from './sources.ts'

// Inside the repository, so that the types of Node are found; .tidemark is ignored by git and by the other rules.
const directory = mkdtempSync(join(ROOT, 'node_modules', '.tidy-'))
after(() => rmSync(directory, { recursive: true }))

function plant(text: string): Problem[] {
  const path = join(directory, 'planted.ts')
  writeFileSync(path, text)
  return checkPublicTypes([path], ROOT)
}

test('no exported type holds an any, and every export says its type', () => {
  const files = findFiles(['packages/*/src/**/*.ts']).map((path) => join(ROOT, path))
  assert.ok(files.length > 20, 'the sources are found')
  expectNone(checkPublicTypes(files, ROOT))
})

test('finds an any', () => {
  assert.equal(plant('export function f(x: any): void { void x }').length, 1)
  assert.equal(plant('export interface A { readonly x: Map<string, any> }').length, 1)
})

test('finds an export without a written type', () => {
  assert.equal(plant('export const f = (x: string) => JSON.parse(x)').length, 1)
  assert.equal(plant('export function f() { return Date.now() }').length, 1)
})

test('accepts a typed module', () => {
  assert.deepEqual(
    plant("import type { Worker } from 'node:worker_threads'\nexport const f = (w: Worker): number => w.threadId"),
    [],
  )
})
