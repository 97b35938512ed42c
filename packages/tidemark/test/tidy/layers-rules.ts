import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LAYERS, checkInjected, checkLayers } from './rules/layers.ts'
import { expectNone, problemsOf, readSources, type Problem } from './sources.ts'

const sources = readSources(['packages/tidemark/src/**/*.ts'])

function plant(path: string, text: string): Problem[] {
  const source = { path: `packages/tidemark/src/${path}`, text }
  return [...checkLayers(source), ...checkInjected(source)]
}

test('imports point downwards only', () => {
  assert.ok(sources.length > 20, 'the sources are found')
  expectNone(problemsOf(sources, checkLayers))
})

test('time and randomness are injected below the CLI', () => {
  expectNone(problemsOf(sources, checkInjected))
})

test('the table of layers has no cycle', () => {
  const done = new Set<string>()
  const down = (layer: string, path: readonly string[]): void => {
    assert.ok(!path.includes(layer), `cycle: ${[...path, layer].join(' > ')}`)
    if (done.has(layer)) return
    for (const next of LAYERS[layer] ?? assert.fail(`${layer} is not in the table`)) down(next, [...path, layer])
    done.add(layer)
  }
  for (const layer of Object.keys(LAYERS)) down(layer, [])
})

const PLANTED: readonly (readonly [what: string, path: string, text: string])[] = [
  ['an upward import', 'log/a.ts', "import { run } from '../runtime/run.ts'"],
  ['an upward re-export', 'serde/a.ts', "export * from '../log/types.ts'"],
  ['an upward type import', 'store/a.ts', "import type { Run } from '../runtime/run.ts'"],
  ['an upward import()', 'log/a.ts', "export const f = () => import('../cli/main.ts')"],
  ['a contract imported as a value', 'lsm/a.ts', "import { x } from '../store/types.ts'"],
  ['a leaf that imports a contract', 'serde/a.ts', "import type { X } from '../store/types.ts'"],
  ['a step sideways', 'lsm/a.ts', "import { x } from '../engines/x.ts'"],
  ['an import from outside src', 'log/a.ts', "import { x } from '../../test/x.ts'"],
  ['an unknown layer', 'misc/a.ts', ''],
  ['the public entry importing the CLI', 'index.ts', "export { main } from './cli/main.ts'"],
  ['node:fs in the state', 'lsm/a.ts', "import { readSync } from 'node:fs'"],
  ['fs without node:', 'disk/a.ts', "import { readSync } from 'fs'"],
  ['child processes in the runtime', 'runtime/a.ts', "import { spawn } from 'node:child_process'"],
  ['the wall clock', 'runtime/a.ts', 'export const f = (): number => Date.now()'],
  ['a date of now', 'runtime/a.ts', 'export const f = (): Date => new Date()'],
  ['chance', 'log/a.ts', 'export const f = (): number => Math.random()'],
  ['chance by import', 'log/a.ts', "import { randomBytes } from 'node:crypto'"],
]

for (const [what, path, text] of PLANTED) {
  test(`finds ${what}`, () => {
    assert.equal(plant(path, text).length, 1)
  })
}

test('accepts what is allowed', () => {
  const text = "import type { Base } from '../store/types.ts'\nimport { x } from './y.ts'\nconst d = new Date(0)"
  assert.deepEqual(plant('lsm/a.ts', text), [])
  assert.deepEqual(plant('cli/a.ts', "import { readFileSync } from 'node:fs'\nDate.now()"), [])
})
