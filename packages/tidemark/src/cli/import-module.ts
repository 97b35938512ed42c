import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { TidemarkError } from '../errors/error.ts'

/** A module's exports by name. */
export type ModuleExports = Readonly<Record<string, unknown>>

const MODULES = /\.[cm]?[jt]s$/

/**
 * Imports a job module (or a configuration file). Errors say which file and line:
 * ERR_JOB_NOT_FOUND, ERR_JOB_NOT_A_JOB (another kind of file), ERR_JOB_SYNTAX, ERR_JOB_IMPORT, ERR_JOB_THREW.
 */
export async function importModule(path: string): Promise<{ url: URL; exports: ModuleExports }> {
  const absolute = resolve(path)
  checkModuleFile(absolute, path)
  const url = pathToFileURL(absolute)
  try {
    return { url, exports: (await import(url.href)) as ModuleExports }
  } catch (error) {
    throw await importError(error, url)
  }
}

/** Throws ERR_JOB_NOT_FOUND or ERR_JOB_NOT_A_JOB unless this is a file that can be imported. `path`: as it was given. */
export function checkModuleFile(absolute: string, path: string): void {
  const stats = statSync(absolute, { throwIfNoEntry: false })
  if (stats === undefined) {
    throw new TidemarkError('ERR_JOB_NOT_FOUND', `there is no file ${absolute}`, { details: { file: absolute } })
  }
  if (!stats.isFile()) {
    const message = `${absolute} is a directory; give the module in it, such as ${path.replace(/\/$/, '')}/visits.job.ts`
    throw new TidemarkError('ERR_JOB_NOT_FOUND', message, { details: { file: absolute } })
  }
  if (!MODULES.test(absolute)) {
    const message = `${absolute} is no module: a job is TypeScript or JavaScript (.ts, .mts, .js, .mjs)`
    throw new TidemarkError('ERR_JOB_NOT_A_JOB', message, { details: { file: absolute } })
  }
}

async function importError(error: unknown, url: URL): Promise<Error> {
  if (error instanceof TidemarkError) return error
  if (!(error instanceof Error)) return new TidemarkError('ERR_JOB_THREW', `${shorten(url)} threw ${String(error)}`)
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return unresolved(error, url)
  const place = placeInStack(error.stack ?? '')
  // A SyntaxError with a frame of the user's came from code that ran (JSON.parse, RegExp), not from its grammar.
  if (error instanceof SyntaxError && (place === null || placeAtTop(error.stack ?? '') !== null)) {
    return syntaxError(error, url)
  }
  const where = place === null ? shorten(url) : `${shorten(place.file)}:${place.line}`
  return new TidemarkError('ERR_JOB_THREW', `${where}: the module threw while it was imported: ${error.message}`, {
    cause: error,
    details: { ...frameDetails(place) },
  })
}

function unresolved(error: Error, url: URL): TidemarkError {
  const what = /Cannot find (package|module) '([^']+)' imported from (.+)/.exec(error.message)
  if (what === null) return new TidemarkError('ERR_JOB_IMPORT', `${shorten(url)}: ${error.message}`, { cause: error })
  const [, kind, name, from] = what as unknown as [string, string, string, string]
  const file = from.startsWith('file:') ? fileURLToPath(from) : from
  const isPackage = kind === 'package'
  const hint = isPackage ? `npm install ${name}` : 'Correct the path; relative imports need the file extension (.ts).'
  const message = `${shorten(file)} imports ${isPackage ? `the package "${name}"` : shorten(name)}, which does not exist`
  return new TidemarkError('ERR_JOB_IMPORT', message, { cause: error, details: { file, import: name, hint } })
}

async function syntaxError(error: SyntaxError, url: URL): Promise<TidemarkError> {
  let place = placeAtTop(error.stack ?? '')
  if (place === null) place = placeAtTop(await importInChild(url))
  const where = place === null ? shorten(url) : `${shorten(place.file)}:${place.line}`
  const missing = error.message.includes('does not provide an export named')
  const code = missing ? 'ERR_JOB_IMPORT' : 'ERR_JOB_SYNTAX'
  return new TidemarkError(code, `${where}: ${error.message}`, { cause: error, details: { ...frameDetails(place) } })
}

interface Place {
  readonly file: string
  readonly line: number
  /** 1 is the first; 0 unknown. */
  readonly column: number
}

/** Syntax errors have `path:line`, the code and a caret above their stack. */
function placeAtTop(stack: string): Place | null {
  const lines = stack.split('\n')
  const head = lines.find((line) => line.trim() !== '') ?? ''
  const match = /^(?<file>(?:file:\/\/)?\/?.+?):(?<line>\d+)$/.exec(head)
  if (match?.groups === undefined || head.startsWith('SyntaxError')) return null
  const caret = lines.find((line) => /^\s*\^+\s*$/.test(line))
  return {
    file: toPath(match.groups['file'] as string),
    line: Number(match.groups['line']),
    column: caret === undefined ? 0 : caret.indexOf('^') + 1,
  }
}

/** The first frame of a stack that is a file of the user's. */
function placeInStack(stack: string): Place | null {
  for (const line of stack.split('\n')) {
    const match = /(file:\/\/\/[^()]+?|\/[^()]+?):(\d+):(\d+)\)?$/.exec(line)
    if (match === null || line.includes('node:internal') || line.includes('/node_modules/')) continue
    if (toPath(match[1] as string) === import.meta.filename) return null
    return { file: toPath(match[1] as string), line: Number(match[2]), column: Number(match[3]) }
  }
  return null
}

function toPath(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file) : file
}

/** Node tells the place of a syntax error in JavaScript only when it is uncaught, so a child process lets it be so. */
function importInChild(url: URL): Promise<string> {
  return new Promise((done) => {
    const source = `await import(${JSON.stringify(url.href)})`
    const options = { timeout: 10_000, env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' } }
    execFile(process.execPath, ['--input-type=module', '-e', source], options, (_error, _out, text) => done(text))
  })
}

function frameDetails(place: Place | null): { file?: string; line?: number; column?: number; codeFrame?: string } {
  if (place === null) return {}
  const frame = codeFrame(place)
  const details = { file: place.file, line: place.line, column: place.column }
  return frame === null ? details : { ...details, codeFrame: frame }
}

/** The line of code with its number, and a caret under the column. */
function codeFrame(place: Place): string | null {
  let text: string
  try {
    text = readFileSync(place.file, 'utf8')
  } catch {
    // The file was there a moment ago; without it the message alone has to do.
    return null
  }
  const line = text.split(/\r?\n/)[place.line - 1]
  if (line === undefined) return null
  const gutter = `  ${place.line} | `
  const caret = place.column > 0 ? `\n${' '.repeat(gutter.length - 2)}| ${' '.repeat(place.column - 1)}^` : ''
  return gutter + line + caret
}

/** A path relative to the working directory when that is shorter. */
export function shorten(path: string | URL): string {
  const absolute = path instanceof URL ? fileURLToPath(path) : path
  const short = relative(process.cwd(), absolute)
  return short !== '' && short.length < absolute.length ? short : absolute
}
