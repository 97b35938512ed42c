import ts from 'typescript-5.9'
import { lineAt, parse, walk, type Problem, type Source } from '../sources.ts'

const ERROR_CODE = /\bERR_[A-Z0-9_]+\b/g
const INVARIANT = /^- \*\*([A-Z]+\d+)\*\*/gm
const CODES_FOLDER = '/src/errors/codes/'

/** Every ERR_ word in the strings, templates and regular expressions of a file; comments do not count. */
export function codesIn(source: Source): Set<string> {
  const found = new Set<string>()
  walk(parse(source), (node) => {
    if (!ts.isLiteralExpression(node) && !ts.isTemplateLiteralToken(node)) return
    for (const [code] of node.getText().matchAll(ERROR_CODE)) found.add(code)
  })
  return found
}

function unionOf(sources: readonly Source[]): Set<string> {
  const all = new Set<string>()
  for (const source of sources) for (const code of codesIn(source)) all.add(code)
  return all
}

/** Codes without a test, without a line of source that uses them, or without a section in the page of errors. */
export function checkErrorCodes(
  codes: readonly string[],
  src: readonly Source[],
  tests: readonly Source[],
  page: Source,
): Problem[] {
  const used = unionOf(src.filter(({ path }) => !path.includes(CODES_FOLDER)))
  const tested = unionOf(tests)
  const problems: Problem[] = []
  const add = (code: string, what: string): void => void problems.push({ path: code, line: 1, what })
  for (const code of codes) {
    const faults: string[] = []
    if (code.startsWith('ERR_PLACEHOLDER')) faults.push('is only a placeholder')
    if (!used.has(code)) faults.push('is raised nowhere in src')
    if (!tested.has(code)) faults.push('has no test that names it')
    if (!page.text.includes(`\`${code}\``)) faults.push(`is not in ${page.path}`)
    if (faults.length > 0) add(code, faults.join(', '))
  }
  const known = new Set(codes)
  for (const source of [...src, ...tests]) {
    for (const code of codesIn(source))
      if (!known.has(code) && !FOREIGN.test(code)) add(code, `(${source.path}) is not in the table`)
  }
  return problems
}

/** Codes of Node itself, which tests and adapters may name. */
const FOREIGN =
  /^ERR_(?:ASSERTION|MODULE_NOT_FOUND|PACKAGE_|INVALID_|UNKNOWN_FILE_EXTENSION|UNSUPPORTED_|STREAM_|WORKER_|PARSE_ARGS_)/

/** Numbered invariants of a page: `- **C1** …`. */
export function invariantsIn(page: Source): { readonly name: string; readonly line: number }[] {
  const found: { name: string; line: number }[] = []
  for (const match of page.text.matchAll(INVARIANT)) {
    found.push({ name: match[1] ?? '', line: lineAt(page.text, match.index) })
  }
  return found
}

/** Names of tests and suites in a file, as far as they are literals. */
export function testNames(source: Source): string[] {
  const names: string[] = []
  walk(parse(source), (node) => {
    if (!ts.isCallExpression(node) || !/^(?:t\.)?(?:test|it|describe|suite)$/.test(node.expression.getText())) return
    const [first] = node.arguments
    if (first !== undefined && (ts.isStringLiteralLike(first) || ts.isTemplateExpression(first)))
      names.push(first.getText())
  })
  return names
}

/** Invariants that no test names. */
export function checkInvariants(pages: readonly Source[], tests: readonly Source[]): Problem[] {
  const words = new Set<string>()
  for (const source of tests)
    for (const name of testNames(source)) for (const word of name.split(/[^A-Za-z0-9]+/)) words.add(word)
  const problems: Problem[] = []
  for (const page of pages) {
    for (const { name, line } of invariantsIn(page)) {
      if (!words.has(name))
        problems.push({ path: page.path, line, what: `invariant ${name} has no test that names it` })
    }
  }
  return problems
}
