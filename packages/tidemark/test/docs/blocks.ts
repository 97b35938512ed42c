import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ROOT } from '../../../../scripts/lib/paths.ts'

/** A fenced block of a Markdown page. */
export interface Block {
  readonly page: string
  /** The line of the page on which the block's text begins, from 1. */
  readonly line: number
  readonly language: string
  /** Words behind the language: `fragment`, `run`, `file=NAME`. */
  readonly words: readonly string[]
  readonly text: string
}

const OPEN = /^(```+|~~~+)([\w-]*)[ \t]*(.*)$/

/** All fenced blocks of a page. Throws for one that is never closed. */
export function blocksOf(page: string, markdown: string): Block[] {
  const blocks: Block[] = []
  const lines = markdown.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const match = OPEN.exec(lines[i] ?? '')
    if (match === null) continue
    const [, fence = '', language = '', rest = ''] = match
    const end = lines.findIndex((line, at) => at > i && line.trimEnd() === fence)
    if (end === -1) throw new Error(`${page}:${i + 1} a block is never closed`)
    const words = rest.split(/\s+/).filter((word) => word !== '')
    blocks.push({ page, line: i + 2, language, words, text: lines.slice(i + 1, end).join('\n') })
    i = end
  }
  return blocks
}

export function readBlocks(pages: readonly string[]): Block[] {
  return pages.flatMap((page) => blocksOf(page, readFileSync(join(ROOT, page), 'utf8')))
}

/**
 * Writes a block as a module, behind as many empty lines as the page has before it: then line numbers are the page's.
 * Blocks of one page stand in one directory, so that one may import another that has a name. Returns the path.
 */
export function writeBlock(directory: string, block: Block): string {
  const folder = join(directory, block.page.replaceAll('/', '-').replace(/\.md$/, ''))
  mkdirSync(folder, { recursive: true })
  const named = block.words.find((word) => word.startsWith('file='))?.slice('file='.length)
  const path = join(folder, basename(named ?? `line-${block.line}.ts`))
  writeFileSync(path, `${'\n'.repeat(block.line - 1)}${block.text}\n`)
  return path
}
