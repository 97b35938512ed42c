import { isatty } from 'node:tty'

/** Where a command writes: standard output for results, standard error for all that is about the work. */
export interface Terminal {
  /** A line (or several) on standard output. Resolves when the stream takes more. */
  print(text: string): Promise<void>
  /** A line on standard error. */
  note(text: string): void
  /** Raw text on standard error, for a line that is rewritten. */
  raw(text: string): void
  readonly outIsTerminal: boolean
  readonly errorIsTerminal: boolean
  /** Columns of the terminal; 80 when there is none. */
  readonly columns: number
  /** For standard output. */
  readonly style: Style
  /** For standard error. */
  readonly errorStyle: Style
  /** Called once when the reader of standard output has gone (EPIPE); by default the process ends quietly. */
  onClosed(listener: () => void): void
}

/** Waits until what was written has left this process, and ends it: a thread that lingers after an error must not. */
export async function exitWhenWritten(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    // A stream whose reader has gone has nothing to wait for.
    if (!stream.destroyed) await new Promise<void>((done) => void stream.write('', () => done()))
  }
  process.exit(code)
}

export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
}

const plain: Style = { bold: (text) => text, dim: (text) => text, red: (text) => text, green: (text) => text }

const coloured: Style = {
  bold: (text) => `\u001b[1m${text}\u001b[22m`,
  dim: (text) => `\u001b[2m${text}\u001b[22m`,
  red: (text) => `\u001b[31m${text}\u001b[39m`,
  green: (text) => `\u001b[32m${text}\u001b[39m`,
}

/** Colours only where a person looks, and not with NO_COLOR (https://no-color.org) or a dumb terminal. */
export function styleFor(isTerminal: boolean, environment: NodeJS.ProcessEnv): Style {
  const wanted = isTerminal && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb'
  return wanted ? coloured : plain
}

/** The terminal (or pipes) of this process. */
export function processTerminal(): Terminal {
  let onClosed: () => void = () => process.exit(0)
  let isClosed = false
  // Prints that wait for a slow reader; one that goes away will never be ready.
  const waiting = new Set<() => void>()
  const release = (): void => {
    for (const done of waiting) done()
    waiting.clear()
  }
  process.stdout.on('drain', release)
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error
    if (isClosed) return
    isClosed = true
    onClosed()
    release()
  }
  process.stdout.on('error', onError)
  // Notes that nobody reads are no reason to stop the work.
  process.stderr.on('error', () => {})
  return {
    print: (text) => {
      return new Promise((resolve) => {
        if (isClosed || process.stdout.write(`${text}\n`)) resolve()
        else waiting.add(resolve)
      })
    },
    note: (text) => void process.stderr.write(`${text}\n`),
    raw: (text) => void process.stderr.write(text),
    outIsTerminal: isatty(1),
    errorIsTerminal: isatty(2),
    get columns(): number {
      return process.stdout.columns ?? process.stderr.columns ?? 80
    },
    style: styleFor(isatty(1), process.env),
    errorStyle: styleFor(isatty(2), process.env),
    onClosed: (listener) => {
      onClosed = listener
    },
  }
}
