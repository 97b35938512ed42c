import { run } from 'node:test'
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { ROOT, fromRoot } from './paths.ts'

const FILE_TIMEOUT_MS = 300_000
const OUTPUT_LIMIT = 16_000

/** What a part of the suite did. `faults` are reasons to fail that are not failed tests. */
export interface PartResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly faults: readonly string[]
}

interface FileState {
  readonly failures: string[]
  output: string
}

type Say = (line: string) => void

/** Runs test files in processes of their own with node:test and tells one line per file, more where one fails. */
export async function runTests(files: readonly string[], concurrency: number, say: Say): Promise<PartResult> {
  const states = new Map<string, FileState>()
  const stateOf = (file: string | undefined): FileState => {
    const name = file === undefined ? '(unknown file)' : fromRoot(file)
    let state = states.get(name)
    if (state === undefined) states.set(name, (state = { failures: [], output: '' }))
    return state
  }
  const faults: string[] = []
  let result: PartResult | null = null
  const stream = run({ files: files.map((f) => resolve(ROOT, f)), concurrency, timeout: FILE_TIMEOUT_MS, cwd: ROOT })
  for await (const event of stream) {
    switch (event.type) {
      case 'test:stdout':
      case 'test:stderr':
        stateOf(event.data.file).output += event.data.message
        break
      case 'test:pass':
        checkPass(event.data, faults, say)
        break
      case 'test:fail': {
        const { details, name, file, line } = event.data
        // A parent fails because a subtest did: the subtest has told why.
        if (failureType(details.error) === 'subtestsFailed') break
        const what = name === file ? ended(details.error) : `${name} (${place(file, line)})\n${reason(details.error)}`
        stateOf(file).failures.push(what)
        break
      }
      case 'test:summary': {
        const { counts, duration_ms: ms, file } = event.data
        if (file === undefined) result = { ...summarise(counts), faults }
        else tellFile(fromRoot(file), counts.tests, ms, stateOf(file), say)
        break
      }
      default:
    }
  }
  tellRest(states, say)
  return result ?? { passed: 0, failed: 0, skipped: 0, faults: [...faults, 'the test runner ended without a summary'] }
}

interface Counts {
  readonly passed: number
  readonly failed: number
  readonly cancelled: number
  readonly skipped: number
  readonly todo: number
}

function summarise(counts: Counts): { passed: number; failed: number; skipped: number } {
  return { passed: counts.passed, failed: counts.failed + counts.cancelled, skipped: counts.skipped + counts.todo }
}

interface PassData {
  readonly name: string
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly skip?: string | boolean | undefined
  readonly todo?: string | boolean | undefined
}

/** A skip needs a reason that a reader can judge; a test to be written is no test; a file without tests proves nothing. */
function checkPass(test: PassData, faults: string[], say: Say): void {
  const where = `${test.name} (${place(test.file, test.line)})`
  if (test.todo !== undefined && test.todo !== false) faults.push(`a test is marked as todo: ${where}`)
  if (test.file !== undefined && test.name === test.file) faults.push(`no tests in ${fromRoot(test.file)}`)
  if (test.skip === undefined || test.skip === false) return
  if (typeof test.skip === 'string' && test.skip.trim() !== '') say(`skipped ${where}: ${test.skip}`)
  else faults.push(`a test is skipped without a reason: ${where}`)
}

function tellFile(path: string, tests: number, ms: number, state: FileState, say: Say): void {
  say(`${state.failures.length === 0 ? 'ok  ' : 'FAIL'} ${path} (${tests} tests, ${Math.round(ms)} ms)`)
  if (state.failures.length > 0) tellFailures(state, say)
  state.failures.length = 0
  state.output = ''
}

/** Failures of files that died before they could sum up. */
function tellRest(states: ReadonlyMap<string, FileState>, say: Say): void {
  for (const [name, state] of states) {
    if (state.failures.length === 0) continue
    say(`FAIL ${name}`)
    tellFailures(state, say)
  }
}

function tellFailures(state: FileState, say: Say): void {
  for (const failure of state.failures) say(indent(failure))
  if (state.output !== '') say(indent(`output:\n${state.output.slice(-OUTPUT_LIMIT)}`))
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}

function place(file: string | undefined, line: number | undefined): string {
  return `${file === undefined ? 'unknown file' : fromRoot(file)}${line === undefined ? '' : `:${line}`}`
}

function failureType(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'failureType' in error ? error.failureType : undefined
}

/** How the process of a file ended that failed outside its tests. */
function ended(error: unknown): string {
  const facts: { exitCode?: unknown; signal?: unknown } = typeof error === 'object' && error !== null ? error : {}
  return `the process of the file failed (exit code ${String(facts.exitCode)}, signal ${String(facts.signal)})`
}

/** node:test wraps what was thrown in an error of its own. */
function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return inspect(cause, { depth: 6 })
}
