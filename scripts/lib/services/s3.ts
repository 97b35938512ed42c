import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, OwnProcess } from './own-process.ts'
import { daemonPid, PROGRAMS, type Service, serviceDirectory, startDaemon, stopDaemon, waitFor } from './service.ts'

/*
 * versitygw (Apache-2.0): objects as files, one process, and If-None-Match is atomic under concurrent writers. What else
 * was tried is in docs/internals/checkpoint-managers.md.
 */
const VERSION = 'v1.8.0'
const PROGRAM = join(PROGRAMS, `versitygw-${VERSION}`)
const PORT = 19_750

/** What clients of the service sign with. */
export const S3_KEYS = { accessKeyId: 'tidemark', secretAccessKey: 'tidemark-secret' } as const
export const S3_BUCKET = 'tidemark'

const ENVIRONMENT = { ROOT_ACCESS_KEY: S3_KEYS.accessKeyId, ROOT_SECRET_KEY: S3_KEYS.secretAccessKey }

/** Why there is no S3 server on this machine; null if there is one. */
export function s3Missing(): string | null {
  return existsSync(PROGRAM) ? null : 'no S3 server on this machine: scripts/services s3 install (needs Go)'
}

function build(): void {
  if (existsSync(PROGRAM)) return
  const directory = join(PROGRAMS, `build-${process.pid}`)
  const module = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`
  const built = spawnSync('go', ['install', module], {
    env: { ...process.env, GOBIN: directory },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (built.error !== undefined) throw new Error('the S3 server is built with Go: install Go 1.24 or later')
  if (built.status !== 0) throw new Error(`go install ${module} failed`)
  renameSync(join(directory, 'versitygw'), PROGRAM)
  rmSync(directory, { recursive: true, force: true })
}

function argumentsFor(directory: string, port: number): string[] {
  mkdirSync(join(directory, 'data', S3_BUCKET), { recursive: true })
  return ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', join(directory, 'data')]
}

const ownDirectory = (): string => serviceDirectory('s3')

export const s3: Service = {
  name: 's3',
  about: `an S3 server (versitygw ${VERSION}) with the bucket ${S3_BUCKET}`,
  async install() {
    mkdirSync(PROGRAMS, { recursive: true })
    build()
  },
  async up() {
    const args = argumentsFor(ownDirectory(), PORT)
    await startDaemon({ directory: ownDirectory(), port: PORT, command: PROGRAM, args, env: ENVIRONMENT })
    return `http://127.0.0.1:${PORT}`
  },
  down: () => stopDaemon(ownDirectory()),
  async reset() {
    await stopDaemon(ownDirectory())
    rmSync(ownDirectory(), { recursive: true, force: true })
  },
  async address() {
    return (await daemonPid(ownDirectory())) === null ? null : `http://127.0.0.1:${PORT}`
  },
}

/** A server of a test's own: it can be killed, and started again on the same port with what it had stored. */
export class S3Server {
  readonly port: number
  readonly #directory: string
  readonly #process = new OwnProcess()

  private constructor(directory: string, port: number) {
    this.#directory = directory
    this.port = port
  }

  static async start(directory: string): Promise<S3Server> {
    mkdirSync(directory, { recursive: true })
    const server = new S3Server(directory, await freePort())
    await server.restart()
    return server
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Where an object is on the server's disk, for tests that damage it. */
  pathOf(key: string): string {
    return join(this.#directory, 'data', S3_BUCKET, key)
  }

  /** Ends it as a crash would; settles when it is gone. */
  kill(): Promise<void> {
    return this.#process.kill()
  }

  async restart(): Promise<void> {
    await this.kill()
    const log = join(this.#directory, 'log')
    const args = argumentsFor(this.#directory, this.port)
    await waitFor(this.#process.start({ command: PROGRAM, args, log, env: ENVIRONMENT }), this.port, log)
  }
}
