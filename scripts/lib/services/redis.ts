import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, OwnProcess } from './own-process.ts'
import { daemonPid, type Service, serviceDirectory, startDaemon, stopDaemon, waitFor } from './service.ts'

/*
 * Redis as the distribution packages it: Debian and Ubuntu have redis-server (BSD-3-Clause up to 7.2). It runs on a port
 * and in a directory of its own, and writes each change to its file at once, so that it survives being killed.
 */
const PROGRAM = 'redis-server'
const PORT = 19_760

function found(): boolean {
  return spawnSync(PROGRAM, ['--version'], { stdio: 'ignore' }).status === 0
}

/** Why there is no Redis on this machine; null if there is one. */
export function redisMissing(): string | null {
  return found() ? null : 'no Redis on this machine: scripts/services redis install (needs apt-get and root)'
}

function install(): void {
  if (found()) return
  // Its init script would start a server of its own; there is none to be started in this run level.
  const env = { ...process.env, RUNLEVEL: '1', DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args: string[]): boolean =>
    spawnSync('apt-get', [...args], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  const packages = ['install', '-y', '--no-install-recommends', PROGRAM]
  const ready = process.getuid?.() === 0 && (apt(...packages) || (apt('update') && apt(...packages)))
  if (!ready || !found()) throw new Error(`there is no ${PROGRAM} here. Install it: sudo apt-get install ${PROGRAM}`)
}

function argumentsFor(directory: string, port: number): string[] {
  mkdirSync(directory, { recursive: true })
  const durable = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
  return ['--bind', '127.0.0.1', '--port', String(port), '--dir', directory, ...durable]
}

const ownDirectory = (): string => serviceDirectory('redis')

export const redis: Service = {
  name: 'redis',
  about: `a Redis server on port ${PORT}, from the package ${PROGRAM}`,
  async install() {
    install()
  },
  async up() {
    const args = argumentsFor(join(ownDirectory(), 'data'), PORT)
    await startDaemon({ directory: ownDirectory(), port: PORT, command: PROGRAM, args })
    return `redis://127.0.0.1:${PORT}`
  },
  down: () => stopDaemon(ownDirectory()),
  async reset() {
    await stopDaemon(ownDirectory())
    rmSync(ownDirectory(), { recursive: true, force: true })
  },
  async address() {
    return (await daemonPid(ownDirectory())) === null ? null : `redis://127.0.0.1:${PORT}`
  },
}

/** A server of a test's own: it can be killed, and started again on the same port with what it had stored. */
export class RedisServer {
  readonly port: number
  readonly #directory: string
  readonly #process = new OwnProcess()

  private constructor(directory: string, port: number) {
    this.#directory = directory
    this.port = port
  }

  static async start(directory: string): Promise<RedisServer> {
    const server = new RedisServer(directory, await freePort())
    await server.restart()
    return server
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Ends it as a crash would; settles when it is gone. */
  kill(): Promise<void> {
    return this.#process.kill()
  }

  /** Stops it where it is, so that it takes connections and answers nothing, until `go`. */
  freeze(): void {
    this.#process.freeze()
  }

  go(): void {
    this.#process.go()
  }

  async restart(): Promise<void> {
    await this.kill()
    const args = argumentsFor(join(this.#directory, 'data'), this.port)
    const log = join(this.#directory, 'log')
    await waitFor(this.#process.start({ command: PROGRAM, args, log }), this.port, log)
  }
}
