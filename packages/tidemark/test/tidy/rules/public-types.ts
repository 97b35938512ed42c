import ts from 'typescript-5.9'
import { walk, type Problem } from '../sources.ts'

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2024,
  lib: ['lib.es2024.d.ts', 'lib.esnext.disposable.d.ts', 'lib.esnext.iterator.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  skipLibCheck: true,
  verbatimModuleSyntax: true,
  allowImportingTsExtensions: true,
  declaration: true,
  isolatedDeclarations: true,
  emitDeclarationOnly: true,
}

/**
 * What users and other modules see of the sources, as declarations: an `any` in them, written or inferred, and exports
 * whose type is not written down (isolatedDeclarations).
 */
export function checkPublicTypes(files: readonly string[], root: string): Problem[] {
  const program = ts.createProgram({ rootNames: files, options: OPTIONS })
  const own = new Set(files)
  const relative = (path: string): string => path.replace(`${root}/`, '')
  const problems: Problem[] = []
  const emitted = program.emit(undefined, (name, text, _mark, _error, from) => {
    const source = from?.[0]
    if (source === undefined || !own.has(source.fileName)) return
    for (const line of anyIn(name, text))
      problems.push({ path: relative(source.fileName), line: 1, what: `any: ${line}` })
  })
  for (const { file, start, messageText } of emitted.diagnostics) {
    if (file === undefined || !own.has(file.fileName) || isLiteralTable(file, start ?? 0)) continue
    const line = file.getLineAndCharacterOfPosition(start ?? 0).line + 1
    const what = ts.flattenDiagnosticMessageText(messageText, ' ')
    problems.push({ path: relative(file.fileName), line, what })
  }
  return problems
}

/** `const X = { ... } as const satisfies T`: its type is what is written there. */
function isLiteralTable(file: ts.SourceFile, position: number): boolean {
  let found = false
  walk(file, (node) => {
    if (!ts.isVariableDeclaration(node) || node.getStart(file) !== position) return
    const value = node.initializer
    found ||= value !== undefined && ts.isSatisfiesExpression(value) && ts.isAsExpression(value.expression)
  })
  return found
}

/** The lines of a declaration file that say `any`. */
function anyIn(name: string, text: string): string[] {
  const tree = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const lines: string[] = []
  walk(tree, (node) => {
    if (node.kind !== ts.SyntaxKind.AnyKeyword) return
    const { line } = tree.getLineAndCharacterOfPosition(node.getStart())
    lines.push(text.split('\n')[line]?.trim() ?? '')
  })
  return lines
}
