import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The command as users call it. */
export const BIN: string = fileURLToPath(new URL('../../bin/tidemark.mjs', import.meta.url))

export interface Outcome {
  readonly exit: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly error: string
}

/** A `tidemark` process. */
export class Tidemark {
  readonly child: ChildProcessWithoutNullStreams
  readonly done: Promise<Outcome>
  out = ''
  error = ''

  constructor(
    args: readonly string[],
    options: { readonly cwd?: string; readonly environment?: NodeJS.ProcessEnv } = {},
  ) {
    this.child = spawn(process.execPath, [BIN, ...args], {
      cwd: options.cwd,
      // One container, unless a test says more: threads are most of what a short run costs.
      env: { ...process.env, TIDEMARK_CONTAINERS: '1', ...options.environment },
    })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => void (this.out += text))
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => void (this.error += text))
    // A command that ends without reading its input.
    this.child.stdin.on('error', () => {})
    this.done = new Promise((done) => {
      this.child.on('close', (exit, signal) => done({ exit, signal, out: this.out, error: this.error }))
    })
  }
}

/** Runs a command to its end. */
export function tidemark(
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: string } = {},
): Promise<Outcome> {
  const command = new Tidemark(args, options)
  command.child.stdin.end(options.input ?? '')
  return command.done
}

/** What `--json` says of an error. */
export interface PrintedError {
  readonly code: string
  readonly message: string
  readonly exit: number
  readonly causes: readonly {
    readonly code: string | null
    readonly name: string
    readonly message: string
    readonly at?: string
  }[]
}

/** The one JSON object on the last line of standard error. */
export function errorOf(outcome: Outcome): PrintedError {
  const line = outcome.error.trimEnd().split('\n').at(-1) ?? ''
  return (JSON.parse(line) as { error: PrintedError }).error
}
