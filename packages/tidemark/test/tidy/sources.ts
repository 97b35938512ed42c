import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript-5.9'
import { ROOT, findFiles } from '../../../../scripts/lib/paths.ts'

/** A file of the repository as rules see it: planted ones look the same. */
export interface Source {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** One broken rule at one place. */
export interface Problem {
  readonly path: string
  readonly line: number
  readonly what: string
}

export const CODE: readonly string[] = [
  'packages/*/src/**/*.ts',
  'packages/*/bin/**/*.mjs',
  'packages/*/test/**/*.ts',
  'scripts/**/*.{ts,mjs}',
  'bench/**/*.ts',
  'examples/**/*.ts',
]

export const DOCS: readonly string[] = ['*.md', 'docs/**/*.md', 'examples/**/*.md', 'packages/*/*.md']

const read = new Map<string, Source>()

/** Each file is read once, and so parsed once, for all rules of a process. */
export function readSources(patterns: readonly string[]): Source[] {
  return findFiles(patterns).map((path) => {
    const source = read.get(path) ?? { path, text: readFileSync(join(ROOT, path), 'utf8') }
    read.set(path, source)
    return source
  })
}

const parsed = new WeakMap<Source, ts.SourceFile>()

/** The syntax tree of a file, parsed once. */
export function parse(source: Source): ts.SourceFile {
  let tree = parsed.get(source)
  if (tree === undefined) {
    tree = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS)
    parsed.set(source, tree)
  }
  return tree
}

/** Calls `visit` with every node below the root, parents first. */
export function walk(root: ts.Node, visit: (node: ts.Node) => void): void {
  ts.forEachChild(root, function down(node) {
    visit(node)
    ts.forEachChild(node, down)
  })
}

/** The line of a position in a text, from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) line++
  return line
}

/** Applies a rule to all files. */
export function problemsOf(sources: readonly Source[], rule: (source: Source) => readonly Problem[]): Problem[] {
  return sources.flatMap((source) => rule(source))
}

/** Fails with the whole list of problems, one a line. */
export function expectNone(problems: readonly Problem[]): void {
  if (problems.length === 0) return
  assert.fail(`${problems.length} problems\n${problems.map((p) => `${p.path}:${p.line} ${p.what}`).join('\n')}`)
}
