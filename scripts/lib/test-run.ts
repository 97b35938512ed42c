import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ROOT, fromRoot } from './paths.ts'
import { type FileLimits, killAll, runFiles, type FileRun } from './test-process.ts'
import type { ReportedEvent } from './events.reporter.ts'

/** What a part of the suite did. `faults` are reasons to fail that are not failed tests. */
export interface PartResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Processes that the tests have killed with SIGKILL, where that is counted. */
  readonly kills: number
  readonly faults: readonly string[]
}

interface Tally {
  passed: number
  failed: number
  skipped: number
  kills: number
  readonly faults: string[]
}

type Say = (line: string) => void

export interface RunLimits extends FileLimits {
  /** Processes at a time. */
  readonly concurrency: number
}

/** Runs each group of test files in a process, and tells a line for it, more where something fails. */
export async function runTests(
  groups: readonly (readonly string[])[],
  limits: RunLimits,
  say: Say,
): Promise<PartResult> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-tests-'))
  const total: Tally = { passed: 0, failed: 0, skipped: 0, kills: 0, faults: [] }
  const stop = (signal: NodeJS.Signals): void => {
    killAll()
    rmSync(directory, { recursive: true, force: true })
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < groups.length; at = next++) {
      const group = (groups[at] ?? []).map((file) => resolve(ROOT, file))
      const run = await runFiles(group, join(directory, `${at}.jsonl`), limits)
      judge(group.map(fromRoot), run, limits, total, say)
    }
  }
  try {
    await Promise.all(Array.from({ length: limits.concurrency }, lane))
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    killAll()
    rmSync(directory, { recursive: true, force: true })
  }
  return total
}

/** Tests that a helper declares are of whoever has called it, which is not told. */
function isAnotherFile(counts: ReadonlyMap<string, number>, paths: readonly string[]): boolean {
  return [...counts].some(([path, count]) => count > 0 && !paths.includes(path))
}

/** Counts the tests of the files of a process, and tells how it went. */
function judge(paths: readonly string[], run: FileRun, limits: RunLimits, total: Tally, say: Say): void {
  const failures: string[] = []
  const counts = new Map<string, number>(paths.map((path) => [path, 0]))
  for (const event of run.events) {
    if (event.type !== 'pass' && event.type !== 'fail') continue
    const path = event.file === '' ? (paths[0] ?? '') : fromRoot(event.file)
    const where = `${event.name} (${path}:${event.line})`
    if (!event.suite) counts.set(path, (counts.get(path) ?? 0) + 1)
    if (event.type === 'fail') {
      if (!event.suite) total.failed++
      if (event.reason !== '') failures.push(`${where}\n${event.reason}`)
    } else countPass(event, where, total, say)
  }
  const [first = ''] = paths
  const names = paths.length === 1 ? first : `${first} and ${paths.length - 1} more`
  const ended = run.events.some((event) => event.type === 'summary')
  if (!run.timedOut && !ended && run.ending === 'exit code 0') {
    total.faults.push(`no tests in ${names}, or it ended before they were done`)
  } else if (run.timedOut || !ended || (failures.length === 0 && run.ending !== 'exit code 0')) {
    total.failed++
    failures.push(brokenOff(run, limits))
  } else if (!isAnotherFile(counts, paths)) {
    total.faults.push(...paths.filter((path) => counts.get(path) === 0).map((path) => `no tests in ${path}`))
  }
  total.kills += run.kills
  const tests = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const cpu = run.cpuMs === 0 ? '' : `, ${Math.round(run.cpuMs)} ms of CPU`
  const kills = run.kills === 0 ? '' : `, ${run.kills} kills`
  say(`${failures.length === 0 ? 'ok  ' : 'FAIL'} ${names} (${tests} tests, ${Math.round(run.ms)} ms${cpu}${kills})`)
  if (failures.length === 0) return
  for (const failure of failures) say(indent(failure))
  if (run.output !== '') say(indent(`output:\n${run.output}`))
}

/** A skip needs a reason that a reader can judge, and a test that is yet to be written is no test. */
function countPass(event: ReportedEvent, where: string, total: Tally, say: Say): void {
  if (event.todo !== false) total.faults.push(`a test is marked as todo: ${where}`)
  if (event.skip === false && event.todo === false) {
    if (!event.suite) total.passed++
    return
  }
  total.skipped++
  if (event.skip === false) return
  if (typeof event.skip === 'string' && event.skip.trim() !== '') say(`skipped ${where}: ${event.skip}`)
  else total.faults.push(`a test is skipped without a reason: ${where}`)
}

/** Why there is no result, and what was going on, as far as it came to be reported: tests that had not ended. */
function brokenOff(run: FileRun, { fileTimeoutMs }: RunLimits): string {
  const why = run.timedOut ? `it took more than ${fileTimeoutMs} ms and was killed` : run.ending
  const open: string[] = []
  for (const { type, name } of run.events) {
    if (type === 'start') open.push(name)
    else if (open.includes(name)) open.splice(open.indexOf(name), 1)
  }
  const during = open.length === 0 ? '' : `, during: ${open.join(' > ')}`
  return `the process of the file failed (${why})${during}`
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}
