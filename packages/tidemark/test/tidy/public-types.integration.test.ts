import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPublicTypes } from './rules/public-types.ts'
import { expectNone, type Problem, readSources } from './sources.ts'

function plant(text: string): Problem[] {
  return checkPublicTypes({ path: 'planted.ts', text })
}

test('no exported type holds an any, and every export says its type', () => {
  const sources = readSources(['packages/*/src/**/*.ts'])
  assert.ok(sources.length > 20, 'the sources are found')
  expectNone(sources.flatMap((source) => checkPublicTypes(source)))
})

test('finds an any', () => {
  assert.equal(plant('export function f(x: any): void { void x }').length, 1)
  assert.equal(plant('export interface A { readonly x: Map<string, any> }').length, 1)
})

test('finds an export without a written type', () => {
  for (const text of ['export const f = (x: string) => JSON.parse(x)', 'export function f() { return Date.now() }']) {
    const found = plant(text).filter(({ what }) => !what.startsWith('any: '))
    assert.equal(found.length, 1)
    assert.match(found[0]?.what ?? '', /must have an explicit return type annotation/)
  }
})

test('accepts a typed module', () => {
  assert.deepEqual(
    plant("import type { Worker } from 'node:worker_threads'\nexport const f = (w: Worker): number => w.threadId"),
    [],
  )
})
