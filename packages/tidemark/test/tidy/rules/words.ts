import ts from 'typescript-5.9'
import { lineAt, parse, walk, type Problem, type Source } from '../sources.ts'

interface Ban {
  readonly pattern: RegExp
  readonly what: string
}

/** Words that design and documentation do not use, in identifiers too. */
const ANYWHERE: readonly Ban[] = [
  { pattern: /\bshard(?:s|ed|ing)?\b|Shard(?:s|ed|ing)?(?![a-z])/g, what: 'shard: say partition or task' },
  { pattern: /\bsnapshot[ _-]?ids?\b|\bsnapshotIds?\b/gi, what: 'snapshot id: say checkpoint id' },
  { pattern: /\bchangelog topics?\b/gi, what: 'changelog topic: say state topic' },
]

/** Words banned where people read: comments, strings and documentation. Code may hold a Worker of Node. */
const IN_PROSE: readonly Ban[] = [
  { pattern: /\bworkers?\b(?![ _-]threads?\b)/g, what: 'worker: say container (or worker thread)' },
  { pattern: /\bbackups?\b/gi, what: 'backup: say standby (or copy)' },
  { pattern: /\btime offsets?\b|\boffsets? in time\b/gi, what: 'offset is a position, not a time' },
]

/** Unfinished work has no place in the tree: it is done, or it is in docs/internals/status.md. */
const UNFINISHED: readonly Ban[] = [
  { pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/g, what: 'unfinished work' },
  { pattern: /\bstub(?:s|bed)?\b/gi, what: 'a stub' },
  { pattern: /\bnot (?:yet )?implemented\b/gi, what: 'not implemented' },
  { pattern: /\b(?:test|it|describe|suite)\.only\(|\bonly: true\b/g, what: 'a test that runs alone' },
]

/** Paths of somebody's own machine. */
const MACHINE: readonly Ban[] = [
  { pattern: /(?<![\w.~}/-])\/(?:home|Users|root|work)\/[\w.-]+/g, what: "a path of somebody's machine" },
]

function find(source: Source, text: string, start: number, bans: readonly Ban[]): Problem[] {
  const problems: Problem[] = []
  for (const { pattern, what } of bans) {
    for (const match of text.matchAll(pattern)) {
      const line = lineAt(source.text, start + match.index)
      problems.push({ path: source.path, line, what: `"${match[0]}": ${what}` })
    }
  }
  return problems
}

/** Vocabulary, unfinished work and machine paths in a file of code. */
export function checkCodeWords(source: Source): Problem[] {
  const problems = find(source, source.text, 0, [...ANYWHERE, ...UNFINISHED, ...MACHINE])
  for (const [start, end] of proseOf(source))
    problems.push(...find(source, source.text.slice(start, end), start, IN_PROSE))
  return problems
}

/** The same in documentation, all of which is prose. */
export function checkDocWords(source: Source): Problem[] {
  return find(source, source.text, 0, [...ANYWHERE, ...IN_PROSE, ...UNFINISHED, ...MACHINE])
}

/** Where the comments and the strings that hold a sentence are. A string without a space is a name, not prose. */
function proseOf(source: Source): (readonly [number, number])[] {
  const tree = parse(source)
  const found: (readonly [number, number])[] = []
  const seen = new Set<number>()
  const comments = (node: ts.Node): void => {
    const leading = ts.getLeadingCommentRanges(source.text, node.pos) ?? []
    for (const range of [...leading, ...(ts.getTrailingCommentRanges(source.text, node.end) ?? [])]) {
      if (seen.has(range.pos)) continue
      seen.add(range.pos)
      found.push([range.pos, range.end])
    }
  }
  comments(tree.endOfFileToken)
  walk(tree, (node) => {
    comments(node)
    if (isText(node) && source.text.slice(node.getStart(tree), node.end).includes(' ')) {
      found.push([node.getStart(tree), node.end])
    }
  })
  return found
}

function isText(node: ts.Node): boolean {
  return ts.isStringLiteral(node) || ts.isTemplateExpression(node) || ts.isNoSubstitutionTemplateLiteral(node)
}
