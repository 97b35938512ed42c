import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCodeWords, checkDocWords } from './rules/words.ts'
import { CODE, DOCS, expectNone, problemsOf, readSources } from './sources.ts'

// This folder has to write the words down that it looks for.
const code = readSources(CODE).filter(({ path }) => !path.includes('/test/tidy/'))
const docs = readSources(DOCS)

test('code keeps to the vocabulary and holds no unfinished work', () => {
  assert.ok(code.length > 20, 'the sources are found')
  expectNone(problemsOf(code, checkCodeWords))
})

test('documentation keeps to the vocabulary and holds no unfinished work', () => {
  expectNone(problemsOf(docs, checkDocWords))
})

const BAD_ANYWHERE = [
  'const shard = 1',
  'const firstShard = 1',
  'const snapshotId = 1',
  '// TODO: later',
  '// a stub',
  "throw new Error('not implemented')",
  "test.only('x', () => {})",
  "test('x', { only: true }, () => {})",
  "const path = '/home/ada/tidemark'",
]

const BAD_IN_PROSE = [
  '// the worker reads on',
  '/** Each worker has one. */\nconst x = 1',
  'const a = 1 // for the workers\nconst b = 2',
  "throw new Error('a worker died')",
  'throw new Error(`the worker ${x} died`)',
  '// keeps a backup',
  '// the time offset of a zone',
]

for (const text of [...BAD_ANYWHERE, ...BAD_IN_PROSE]) {
  test(`finds ${JSON.stringify(text)}`, () => {
    assert.equal(checkCodeWords({ path: 'a.ts', text }).length, 1)
    assert.equal(checkDocWords({ path: 'a.md', text }).length, 1)
  })
}

test('accepts the words of Node and of ordinary life', () => {
  const text = [
    "import { Worker } from 'node:worker_threads'",
    "const worker = new Worker('x') // a worker thread of the node",
    "worker.on('worker', f)",
    'const path = `${a}/work/b`',
    '// the only: truth',
  ].join('\n')
  assert.deepEqual(checkCodeWords({ path: 'a.ts', text }), [])
})
