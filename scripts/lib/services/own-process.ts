import { spawn, type ChildProcess } from 'node:child_process'
import { openSync, closeSync } from 'node:fs'
import { createServer, type Server } from 'node:net'

/** How a server is started: a program, its arguments, what is added to the environment, and the file for its output. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly log: string
  readonly env?: Readonly<Record<string, string>>
}

/** The process of a server of a test's own. It belongs to the group of the test, and ends with it at the latest. */
export class OwnProcess {
  #child: ChildProcess | null = null

  get runs(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts it; the last one must have ended. What it prints is added to the log. */
  start({ command, args, log, env }: Launch): ChildProcess {
    if (this.runs) throw new Error(`${command} runs already`)
    const output = openSync(log, 'a')
    this.#child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', output, output] })
    closeSync(output)
    return this.#child
  }

  /** Ends it as a crash would, also when it is frozen; settles when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === null || !this.runs || child.pid === undefined) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  /** Stops it where it is: connections stay open, and it answers nothing until `go`. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  go(): void {
    this.#child?.kill('SIGCONT')
  }
}

/** Ports of the loopback that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen))
  const ports = servers.map((server) => {
    const address = server.address()
    if (typeof address !== 'object' || address === null) throw new Error('a listening server has no port')
    return address.port
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** One such port. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  if (port === undefined) throw new Error('no port is free')
  return port
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server))
  })
}
