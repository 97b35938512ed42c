import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from './paths.ts'
import type { ReportedEvent } from './events.reporter.ts'

const REPORTER = pathToFileURL(join(import.meta.dirname, 'events.reporter.ts')).href
const IMPORT_FILES = join(import.meta.dirname, 'import-files.ts')
const COUNT_KILLS = pathToFileURL(join(import.meta.dirname, 'count-kills.ts')).href
/** Types stripped and compiled once, for all test processes and what they start: loading the sources takes a fourth. */
const COMPILED = join(ROOT, 'node_modules', '.cache', 'tidemark-compiled')
const WARM_CACHE = join(import.meta.dirname, 'warm-cache.ts')
/** Of what a file prints, the end is kept. */
const OUTPUT_LIMIT = 16_000

/** How a process with test files went. */
export interface FileRun {
  readonly events: readonly ReportedEvent[]
  readonly output: string
  /** True if it took longer than it may, and was killed. */
  readonly timedOut: boolean
  /** `exit code 1`, `signal SIGSEGV`. */
  readonly ending: string
  readonly ms: number
  /** Node processes that it has started and that ended by SIGKILL; 0 where they are not counted. */
  readonly kills: number
  /** Of the file and all that it has started and seen the end of; 0 where that is not counted. */
  readonly cpuMs: number
}

const running = new Set<ChildProcess>()

/** Ends every test process that is still running, with all that it has started. */
export function killAll(): void {
  for (const child of running) kill(child)
}

/**
 * A test process leads a group of its own, so that what it started goes with it. SIGKILL, because a test that never
 * yields never sees another signal.
 */
function kill(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === 'win32') child.kill('SIGKILL')
    else process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    // The group has ended between the look and the kill.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** How a test file is run. */
export interface FileLimits {
  /** A file that takes longer is killed, and fails. */
  readonly fileTimeoutMs: number
  /** Whether killed processes are counted (see count-kills.ts). */
  readonly countsKills: boolean
  /** More variables of its environment. */
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Runs test files in a process of their own, one after the other; `reportPath` is a temporary file for their events. What a
 * module has at its top level is theirs together: hooks there, and what they change of the process.
 */
export async function runFiles(files: readonly string[], reportPath: string, limits: FileLimits): Promise<FileRun> {
  const { countsKills, environment, fileTimeoutMs } = limits
  const start = performance.now()
  const flags = ['--test-reporter', REPORTER, '--test-reporter-destination', reportPath]
  const killsPath = `${reportPath}.kills`
  const counting = countsKills ? ['--import', COUNT_KILLS] : []
  const child = spawn(
    process.execPath,
    [...flags, ...counting, ...(files.length === 1 ? [] : [IMPORT_FILES]), ...files],
    {
      cwd: ROOT,
      env: {
        NODE_COMPILE_CACHE: COMPILED,
        ...process.env,
        ...environment,
        ...(countsKills ? { TIDEMARK_KILLS_FILE: killsPath } : {}),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    },
  )
  running.add(child)
  let output = ''
  const take = (chunk: string): void => {
    output = (output + chunk).slice(-OUTPUT_LIMIT)
  }
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    kill(child)
  }, fileTimeoutMs)
  const ending = await endOf(child)
  clearTimeout(timer)
  // What it started and left behind must not hold its pipes, or outlive the run.
  kill(child)
  running.delete(child)
  const ms = performance.now() - start
  return { events: readEvents(reportPath), output, timedOut, ending, ms, ...readCounts(killsPath) }
}

async function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
  })
}

/** A process that was killed itself has written nothing. */
function readCounts(path: string): { readonly kills: number; readonly cpuMs: number } {
  const [kills = 0, cpuMs = 0] = existsSync(path) ? readFileSync(path, 'utf8').split(' ').map(Number) : []
  return { kills, cpuMs }
}

/** Compiles the sources for all processes that follow (see warm-cache.ts). */
export function warmCompileCache(): void {
  const { status, stderr } = spawnSync(process.execPath, [WARM_CACHE], {
    cwd: ROOT,
    env: { NODE_COMPILE_CACHE: COMPILED, ...process.env },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the sources do not load: ${stderr}`)
}

/** Events up to where the process got: a process that was killed may have cut the last line off. */
function readEvents(path: string): ReportedEvent[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  rmSync(path)
  return lines.map((line) => JSON.parse(line) as ReportedEvent)
}
