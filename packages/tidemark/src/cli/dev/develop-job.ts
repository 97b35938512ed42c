import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CliContext, flagName, type Options, settingsOf } from '../context.ts'
import { listFlag } from '../flag-values.ts'
import { checkModuleFile, shorten } from '../import-module.ts'
import { RUN_SETTINGS } from '../commands/run.ts'
import { SETTINGS } from '../settings.ts'
import { FileWatch } from './watch-files.ts'

/** The package runs from its sources in the repository, and compiled where it is installed. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const MAIN = fileURLToPath(new URL(`../main.${EXTENSION}`, import.meta.url))
const REPORT_IMPORTS = new URL(`./report-imports.${EXTENSION}`, import.meta.url).href
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** `tidemark dev`: runs the job in a child process, drains and starts it again when a file of it changes. */
export async function developJob(path: string, options: Options, context: CliContext): Promise<void> {
  // Wrong settings are told here, once, not by each child.
  await settingsOf(options, context)
  const job = resolve(context.cwd, path)
  // A job that is not there will not change either; one with errors in it is waited for.
  checkModuleFile(job, path)
  const session = new DevSession([MAIN, 'run', job, ...runFlags(options)], context)
  session.watch.add(job)
  context.exitCode = await session.run()
}

class DevSession {
  readonly watch: FileWatch
  readonly #args: readonly string[]
  readonly #context: CliContext
  #child: ChildProcess | null = null
  #ending = false
  #restart = false
  #wake: (() => void) | null = null

  constructor(args: readonly string[], context: CliContext) {
    this.#args = args
    this.#context = context
    this.watch = new FileWatch((path) => this.#changed(path))
  }

  async run(): Promise<number> {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
    try {
      for (;;) {
        this.#restart = false
        const code = await this.#runOnce()
        if (this.#ending) return code
        if (this.#restart) continue
        this.#note(code === 0 ? 'the run has ended; waiting for a change' : 'waiting for a change of the code')
        await new Promise<void>((done) => {
          this.#wake = done
          if (this.#restart || this.#ending) done()
        })
        if (this.#ending) return 0
      }
    } finally {
      for (const signal of SIGNALS) process.off(signal, this.#onSignal)
      this.watch.close()
    }
  }

  #runOnce(): Promise<number> {
    const child = spawn(process.execPath, [...process.execArgv, '--import', REPORT_IMPORTS, ...this.#args], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      cwd: this.#context.cwd,
    })
    this.#child = child
    child.on('message', (message) => {
      if (typeof message === 'object' && message !== null && 'imported' in message) {
        this.watch.add(fileURLToPath(String(message.imported)))
      }
    })
    return new Promise((done, fail) => {
      child.on('error', fail)
      child.on('exit', (code) => {
        this.#child = null
        done(code ?? 1)
      })
    })
  }

  #changed(path: string): void {
    this.#note(`${shorten(path)} changed; starting again`)
    this.#restart = true
    this.#child?.kill('SIGTERM')
    this.#wake?.()
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#ending = true
    this.#child?.kill(signal)
    this.#wake?.()
  }

  #note(line: string): void {
    this.#context.terminal.note(`tidemark dev: ${line}`)
  }
}

/** The flags again, as `run` takes them. */
function runFlags(options: Options): string[] {
  const flags: string[] = ['--no-report', '--development']
  if (options['follow'] !== false) flags.push('--follow')
  for (const value of listFlag(options, 'in')) flags.push('--in', value)
  for (const value of listFlag(options, 'out')) flags.push('--out', value)
  for (const spec of SETTINGS) {
    const value = options[flagName(spec.flag)]
    if (!RUN_SETTINGS.includes(spec.key)) continue
    if (typeof value === 'string') flags.push(spec.flag, value)
    if (value === true) flags.push(spec.flag)
  }
  if (typeof options['config'] === 'string') flags.push('--config', options['config'])
  if (options['json'] === true) flags.push('--json')
  return flags
}
