import { posix } from 'node:path'
import ts from 'typescript-5.9'
import { lineAt, parse, walk, type Problem, type Source } from '../sources.ts'

const LEAVES = ['errors', 'clock', 'hash', 'serde', 'disk'] as const
const STATE = ['store', 'lsm', 'engines', 'log'] as const

/**
 * Which layers (folders of src) each layer may import, itself aside. Dependencies point downwards only: whoever adds a
 * line here changes the architecture, so docs and ARCHITECTURE.md change with it.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  clock: ['errors'],
  hash: ['errors'],
  disk: ['errors', 'hash'],
  serde: ['errors', 'hash'],
  log: LEAVES,
  lsm: ['log', ...LEAVES],
  engines: ['lsm', 'log', ...LEAVES],
  store: ['lsm', 'engines', 'log', ...LEAVES],
  checkpoint: [...STATE, ...LEAVES],
  api: LEAVES,
  remote: ['api', ...LEAVES],
  dsl: ['api', ...LEAVES],
  cluster: ['log', ...LEAVES],
  sources: ['api', 'log', ...LEAVES],
  runtime: ['dsl', 'api', 'remote', 'sources', 'cluster', 'checkpoint', ...STATE, ...LEAVES],
  query: ['runtime', 'dsl', 'api', 'checkpoint', ...STATE, ...LEAVES],
  'open-store': ['runtime', 'api', 'checkpoint', ...STATE, ...LEAVES],
  ops: ['runtime', 'dsl', 'api', 'sources', 'checkpoint', ...STATE, ...LEAVES],
  testing: ['runtime', 'query', 'dsl', 'api', 'remote', 'sources', 'cluster', 'checkpoint', ...STATE, ...LEAVES],
  cli: ['ops', 'query', 'runtime', 'dsl', 'api', 'sources', 'cluster', 'checkpoint', 'testing', ...STATE, ...LEAVES],
  // Files directly in src: the public entry. It shows what users need, never the CLI.
  '.': [
    'open-store',
    'ops',
    'query',
    'runtime',
    'dsl',
    'api',
    'remote',
    'sources',
    'cluster',
    'checkpoint',
    ...STATE,
    ...LEAVES,
  ],
}

/** Contracts that lower layers implement: interfaces only, imported by `import type`, from anywhere but the leaves. */
export const CONTRACTS: readonly string[] = [
  'store/types.ts',
  'store/base-statistics.ts',
  'log/types.ts',
  'dsl/topology.ts',
  'api/store-def.ts',
]

/** Node built-ins that reach outside the process or make threads, and the layers that may. */
export const BUILT_INS: Readonly<Record<string, readonly string[]>> = {
  'node:fs': ['disk', 'sources', 'cli', 'log'],
  'node:fs/promises': ['sources', 'cli'],
  'node:http': ['query', 'ops', 'sources', 'cli'],
  'node:https': ['query', 'ops', 'sources', 'cli'],
  'node:net': ['cli'],
  'node:child_process': ['engines', 'cli'],
  'node:worker_threads': ['log', 'runtime', 'cli', 'lsm', 'engines'],
  'node:readline': ['cli', 'sources'],
  'node:os': ['runtime', 'ops', 'cli'],
}

const SRC = /^packages\/tidemark\/src\//

interface Import {
  readonly target: string
  readonly typeOnly: boolean
  readonly position: number
}

/** Every import, re-export and import() with a literal in a file. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = []
  walk(parse(source), (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      if (!ts.isStringLiteral(node.moduleSpecifier)) return
      const typeOnly = ts.isImportDeclaration(node) ? isTypeImport(node) : node.isTypeOnly
      found.push({ target: node.moduleSpecifier.text, typeOnly, position: node.getStart() })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      if (argument !== undefined && ts.isStringLiteral(argument)) {
        found.push({ target: argument.text, typeOnly: false, position: node.getStart() })
      }
    }
  })
  return found
}

/** `import type …`, or named imports that are all marked as types. */
function isTypeImport(node: ts.ImportDeclaration): boolean {
  const clause = node.importClause
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const names = clause.namedBindings
  if (clause.name !== undefined || names === undefined || !ts.isNamedImports(names)) return false
  return names.elements.length > 0 && names.elements.every((element) => element.isTypeOnly)
}

/** The folder of src that a path (from src) is in; `.` for files directly in src. */
function layerOf(path: string): string {
  const slash = path.indexOf('/')
  return slash === -1 ? '.' : path.slice(0, slash)
}

/** Imports that point upwards or sideways, folders that the table does not know, and built-ins in the wrong layer. */
export function checkLayers(source: Source): Problem[] {
  if (!SRC.test(source.path)) return []
  const path = source.path.replace(SRC, '')
  const layer = layerOf(path)
  const allowed = LAYERS[layer]
  if (allowed === undefined) return [{ path: source.path, line: 1, what: `layer ${layer} is not in the table` }]
  const problems: Problem[] = []
  for (const { target, typeOnly, position } of importsOf(source)) {
    const what = target.startsWith('.')
      ? checkRelative(path, layer, allowed, target, typeOnly)
      : checkBuiltIn(layer, target)
    if (what !== null) problems.push({ path: source.path, line: lineAt(source.text, position), what })
  }
  return problems
}

function checkRelative(
  path: string,
  layer: string,
  allowed: readonly string[],
  target: string,
  typeOnly: boolean,
): string | null {
  const to = posix.join(posix.dirname(path), target)
  if (to.startsWith('..')) return `imports ${target}, outside src`
  const other = layerOf(to)
  if (other === layer || allowed.includes(other)) return null
  if (typeOnly && CONTRACTS.includes(to) && !LEAVES.some((leaf) => leaf === layer)) return null
  return `layer ${layer} may not import ${to}`
}

function checkBuiltIn(layer: string, target: string): string | null {
  const bare = target.startsWith('node:') ? target : `node:${target}`
  const layers = BUILT_INS[bare]
  if (layers !== undefined && !layers.includes(layer)) return `layer ${layer} may not use ${bare}`
  return layers !== undefined && bare !== target ? `write ${bare}` : null
}

const UNCONTROLLED = /\b(?:Date\.now|Math\.random|performance\.now|process\.hrtime|randomUUID|randomBytes)\b/g
const CONTROLS_TIME = ['clock', 'cli', 'testing']

/** Below the CLI time and randomness are injected, so that everything runs in simulation. */
export function checkInjected(source: Source): Problem[] {
  if (!SRC.test(source.path)) return []
  if (CONTROLS_TIME.includes(layerOf(source.path.replace(SRC, '')))) return []
  const problems: Problem[] = []
  walk(parse(source), (node) => {
    const name = uncontrolled(node)
    if (name === null) return
    const what = `${name} is not injected: take a Clock or a random source`
    problems.push({ path: source.path, line: lineAt(source.text, node.getStart()), what })
  })
  return problems
}

function uncontrolled(node: ts.Node): string | null {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0) {
    return 'new Date()'
  }
  if (!ts.isPropertyAccessExpression(node) && !ts.isImportSpecifier(node)) return null
  return node.getText().match(UNCONTROLLED)?.[0] ?? null
}
