import ts from 'typescript-5.9'
import { walk, type Problem, type Source } from '../sources.ts'

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2024,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  verbatimModuleSyntax: true,
  declaration: true,
  isolatedDeclarations: true,
}

/**
 * What users and other modules see of a source, as declarations: an `any` in them, and exports whose type is not written down
 * (isolatedDeclarations). Since every type is written down, no file needs another to be judged.
 */
export function checkPublicTypes({ path, text }: Source): Problem[] {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(text, {
    compilerOptions: OPTIONS,
    fileName: path,
    reportDiagnostics: true,
  })
  const problems: Problem[] = anyIn(path, outputText).map((line) => ({ path, line: 1, what: `any: ${line}` }))
  for (const { file, start, messageText } of diagnostics) {
    if (file !== undefined && isLiteralTable(file, start ?? 0)) continue
    const line = file === undefined ? 1 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1
    problems.push({ path, line, what: ts.flattenDiagnosticMessageText(messageText, ' ') })
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
