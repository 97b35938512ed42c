import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript-5.9'
import { ROOT } from '../../../../scripts/lib/paths.ts'
import { writeBlock, type Block } from './blocks.ts'

const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')

/** A directory inside the repository, where `tidemark` can be imported and types are stripped; git ignores it. */
export function makeDirectory(): string {
  mkdirSync(join(ROOT, '.tidemark'), { recursive: true })
  return mkdtempSync(join(ROOT, '.tidemark', 'docs-'))
}

/** Complaints of the compiler about blocks as modules of their own, under the strict configuration of the repository. */
export function typeErrors(directory: string, blocks: readonly Block[]): string[] {
  const paths = new Map(blocks.map((block) => [relative(ROOT, writeBlock(directory, block)), block.page]))
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { noUnusedLocals: false },
    include: ['**/*.ts'],
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config))
  const child = spawnSync(process.execPath, [TSC, '--pretty', 'false', '-p', directory], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (child.error !== undefined) throw child.error
  if (child.status === 0) return []
  // A complaint starts a line; what follows it is indented.
  const complaints = child.stdout.split(/\n(?! )/).filter((line) => line.trim() !== '')
  return complaints.map((complaint) => {
    const [, path = '', line = '', rest = ''] = /^([^(]+)\((\d+),\d+\): ([^]*)$/.exec(complaint) ?? []
    return paths.has(path) ? `${paths.get(path)}:${line} ${rest}` : complaint
  })
}

/** Complaints about the syntax of blocks that are not whole modules. */
export function syntaxErrors(blocks: readonly Block[]): string[] {
  return blocks.flatMap(({ page, line, text }) => {
    const options = { compilerOptions: { target: ts.ScriptTarget.Latest }, reportDiagnostics: true }
    const { diagnostics = [] } = ts.transpileModule(text, options)
    return diagnostics.map(({ file, start, messageText }) => {
      const at = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line
      return `${page}:${line + at} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
    })
  })
}
