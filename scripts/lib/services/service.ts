import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A program that integration tests talk to. The actions may be called in any state: they bring about what they say. */
export interface Service {
  readonly name: string
  readonly about: string
  /** Gets the program. Throws an Error that says what to install when it cannot. */
  install(): Promise<void>
  /** Starts it unless it runs; its address. */
  up(): Promise<string>
  down(): Promise<void>
  /** Stops it and removes its data. */
  reset(): Promise<void>
  /** Null when it does not run. */
  address(): Promise<string | null>
}

/** Programs that were fetched or built: shared by all checkouts of a user, and not lost by `npm ci`. */
export const PROGRAMS: string = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'tidemark-services',
  'programs',
)

/** Data, log and process id of a service that was started by `scripts/services`. */
export function serviceDirectory(name: string): string {
  const directory = join(PROGRAMS, '..', name)
  mkdirSync(directory, { recursive: true })
  return directory
}

export interface Daemon {
  readonly directory: string
  readonly port: number
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const START_TIMEOUT_MS = 20_000

/** Starts a process that outlives this one, unless it runs, and waits until it takes connections. */
export async function startDaemon(daemon: Daemon): Promise<void> {
  if ((await daemonPid(daemon.directory)) !== null && (await answers(daemon.port))) return
  if (await answers(daemon.port)) throw new Error(`port ${daemon.port} is taken by another program: stop that first`)
  const log = openSync(join(daemon.directory, 'log'), 'a')
  const child = spawn(daemon.command, daemon.args, {
    cwd: daemon.directory,
    detached: true,
    env: { ...process.env, ...daemon.env },
    stdio: ['ignore', log, log],
  })
  child.unref()
  writeFileSync(join(daemon.directory, 'pid'), String(child.pid))
  await waitFor(child, daemon.port, join(daemon.directory, 'log'))
}

/** Waits until a process takes connections on a port; rejects with the end of its log when it does not. */
export async function waitFor(child: ChildProcess, port: number, log: string): Promise<void> {
  const failed = new Promise<Error>((resolve) => child.once('error', resolve))
  const until = performance.now() + START_TIMEOUT_MS
  while (!(await answers(port))) {
    const error = await Promise.race([failed, sleep(50).then(() => null)])
    if (error === null && child.exitCode === null && performance.now() < until) continue
    const text = existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : ''
    throw new Error(`${child.spawnfile} does not answer on port ${port}. ${error?.message ?? ''}\n${text}`)
  }
}

/** Ends the process that `startDaemon` started; nothing happens if it has ended. */
export async function stopDaemon(directory: string): Promise<void> {
  const pid = await daemonPid(directory)
  if (pid === null) return
  process.kill(pid, 'SIGTERM')
  const until = performance.now() + 5000
  while (alive(pid) && performance.now() < until) await sleep(50)
  if (alive(pid)) process.kill(pid, 'SIGKILL')
  rmSync(join(directory, 'pid'), { force: true })
}

/** The process that was started for a directory, if it still runs. */
export async function daemonPid(directory: string): Promise<number | null> {
  const file = join(directory, 'pid')
  if (!existsSync(file)) return null
  const pid = Number(readFileSync(file, 'utf8'))
  if (Number.isInteger(pid) && pid > 0 && alive(pid)) return pid
  rmSync(file, { force: true })
  return null
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** True if something takes connections on the loopback port. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const settle = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true)).once('error', () => settle(false))
  })
}
