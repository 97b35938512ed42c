import ts from 'typescript-5.9'
import { lineAt, parse, walk, type Problem, type Source } from '../sources.ts'

const FILE_LINES = 500
const FUNCTION_LINES = 70
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)*$/
/** Node's test runner takes its reporters by default export only. */
const MAY_EXPORT_DEFAULT = /\.(?:job|config|reporter)\.ts$/

export function checkFileSize(source: Source): Problem[] {
  const lines = source.text.split('\n').length - (source.text.endsWith('\n') ? 1 : 0)
  if (lines <= FILE_LINES) return []
  return [{ path: source.path, line: FILE_LINES + 1, what: `${lines} lines, at most ${FILE_LINES}` }]
}

/** Functions of all kinds, their documentation not counted; `describe` only groups the tests inside it. */
export function checkFunctionSize(source: Source): Problem[] {
  const tree = parse(source)
  const problems: Problem[] = []
  walk(tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined || isDescribe(node)) return
    const first = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line
    const last = tree.getLineAndCharacterOfPosition(node.end).line
    const lines = last - first + 1
    if (lines <= FUNCTION_LINES) return
    const what = `function ${nameOf(node)} has ${lines} lines, at most ${FUNCTION_LINES}`
    problems.push({ path: source.path, line: first + 1, what })
  })
  return problems
}

function isDescribe(node: ts.Node): boolean {
  return ts.isCallExpression(node.parent) && /^(?:describe|suite)\b/.test(node.parent.expression.getText())
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText()
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : '(anonymous)'
}

export function checkName(source: Source): Problem[] {
  const bad = source.path.split('/').filter((part) => !KEBAB.test(part))
  return bad.map((part) => ({ path: source.path, line: 1, what: `${part} is not kebab-case` }))
}

/** One default export is a job (or a configuration): everything else has a name that can be searched for. */
export function checkDefaultExport(source: Source): Problem[] {
  if (MAY_EXPORT_DEFAULT.test(source.path)) return []
  const problems: Problem[] = []
  const add = (node: ts.Node): void => {
    problems.push({ path: source.path, line: lineAt(source.text, node.getStart()), what: 'has a default export' })
  }
  for (const statement of parse(source).statements) {
    if (ts.isExportAssignment(statement)) add(statement)
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
    if (modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword) === true) add(statement)
    if (!ts.isExportDeclaration(statement) || statement.exportClause === undefined) continue
    if (!ts.isNamedExports(statement.exportClause)) continue
    for (const element of statement.exportClause.elements) if (element.name.text === 'default') add(element)
  }
  return problems
}
