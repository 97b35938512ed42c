import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { findFiles } from '../../../../scripts/lib/paths.ts'
import { readBlocks, writeBlock, type Block } from './blocks.ts'
import { makeDirectory } from './check-blocks.ts'

const TIMEOUT_MS = 60_000
const blocks = readBlocks(['README.md', ...findFiles(['docs/guide/*.md'])]).filter(({ language }) => language === 'ts')
const directory = makeDirectory()
after(() => rmSync(directory, { recursive: true }))

/** Blocks of one page may import each other by name, so all are written before one is run. */
const runnable = blocks
  .filter(({ words }) => !words.includes('fragment'))
  .map((block): [Block, string] => [block, writeBlock(directory, block)])
  .filter(([{ words }]) => words.includes('run'))

test('blocks that are marked with run are runnable modules', () => {
  const strays = blocks.filter(({ words }) => words.includes('run') && words.includes('fragment'))
  assert.deepEqual(strays, [])
})

for (const [{ page, line }, path] of runnable) {
  test(`the program in ${page}, line ${line}, runs`, () => {
    const cwd = join(directory, `cwd-${line}`)
    mkdirSync(cwd)
    const child = spawnSync(process.execPath, [path], { cwd, encoding: 'utf8', timeout: TIMEOUT_MS })
    assert.equal(child.error, undefined)
    assert.equal(child.status, 0, `${child.stdout}${child.stderr}`)
  })
}
