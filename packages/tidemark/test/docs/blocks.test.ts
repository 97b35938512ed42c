import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { ROOT, findFiles } from '../../../../scripts/lib/paths.ts'
import { blocksOf, readBlocks, type Block } from './blocks.ts'
import { makeDirectory, syntaxErrors, typeErrors } from './check-blocks.ts'

const pages = ['README.md', ...findFiles(['docs/guide/*.md'])]
const blocks = readBlocks(pages).filter(({ language }) => language === 'ts')
const directories: string[] = []

after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true })
})

/** Fails with the whole list, one complaint a line. */
function expectNone(complaints: readonly string[]): void {
  if (complaints.length > 0) assert.fail(`${complaints.length} complaints\n${complaints.join('\n')}`)
}

function check(list: readonly Block[]): string[] {
  const directory = makeDirectory()
  directories.push(directory)
  return typeErrors(directory, list)
}

test('every block of TypeScript in the guide is a module that type-checks, or a fragment that parses', () => {
  assert.ok(blocks.length > 0, 'the blocks are found')
  const whole = blocks.filter(({ words }) => !words.includes('fragment'))
  const fragments = blocks.filter(({ words }) => words.includes('fragment'))
  expectNone([...check(whole), ...syntaxErrors(fragments)])
})

test('the index of the documentation names every page, and decisions have numbers of their own', () => {
  const all = findFiles(['docs/*/*.md']).map((page) => page.slice('docs/'.length))
  const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8')
  expectNone(all.filter((page) => !index.includes(`](${page})`)).map((page) => `${page} is not in docs/README.md`))
  const numbers = all.filter((page) => page.startsWith('adr/')).map((page) => page.slice(0, 'adr/0000'.length))
  assert.deepEqual(numbers, [...new Set(numbers)])
})

test('links between pages lead somewhere', () => {
  const broken: string[] = []
  for (const page of findFiles(['*.md', 'docs/**/*.md', 'examples/**/*.md'])) {
    const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```[^]*?^```/gm, '')
    for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      if (!existsSync(join(ROOT, dirname(page), target))) broken.push(`${page}: ${target}`)
    }
  }
  expectNone(broken)
})

const PAGE = [
  '# A page',
  '```ts',
  'const x: string = 1',
  '```',
  '```ts fragment',
  '.map((v) => v',
  '```',
  '```ts file=a.job.ts run',
  'export const y = 2',
  '```',
  '```sh',
  'npm test',
  '```',
].join('\n')

test('finds blocks with their line, language and words', () => {
  const found = blocksOf('a.md', PAGE)
  assert.deepEqual(
    found.map(({ line, language, words }) => [line, language, words.join(' ')]),
    [
      [3, 'ts', ''],
      [6, 'ts', 'fragment'],
      [9, 'ts', 'file=a.job.ts run'],
      [12, 'sh', ''],
    ],
  )
  assert.throws(() => blocksOf('a.md', '```ts\nx'), /a\.md:1/)
})

test('finds a type error, at the line of the page', () => {
  const found = check(
    blocksOf('a.md', PAGE)
      .filter(({ words }) => !words.includes('fragment'))
      .slice(0, 1),
  )
  assert.equal(found.length, 1)
  assert.match(found[0] ?? '', /^a\.md:3 error TS2322/)
})

test('a block may import another that has a name, and the types of both are checked', () => {
  const text = (type: string): string =>
    `\`\`\`ts file=a.ts\nexport const y = 2\n\`\`\`\n\`\`\`ts\nimport { y } from './a.ts'\nexport const z: ${type} = y\n\`\`\`\n`
  assert.deepEqual(check(blocksOf('a.md', text('number'))), [])
  assert.match(check(blocksOf('a.md', text('string'))).join(), /^a\.md:6 error TS2322/)
})

test('finds an error of syntax in a fragment, at the line of the page', () => {
  const fragment = blocksOf('a.md', PAGE).filter(({ words }) => words.includes('fragment'))
  assert.match(syntaxErrors(fragment).join(), /^a\.md:6/)
  assert.deepEqual(syntaxErrors(blocksOf('a.md', '```ts fragment\nflow.map((v) => v)\n```')), [])
})
