import type { CliContext } from '../../src/cli/context.ts'
import { styleFor, type Terminal } from '../../src/cli/terminal.ts'

/** A terminal that keeps what is written. */
export class FakeTerminal implements Terminal {
  out = ''
  error = ''
  readonly outIsTerminal: boolean
  readonly errorIsTerminal: boolean
  readonly columns: number
  readonly style = styleFor(false, {})
  readonly errorStyle = styleFor(false, {})

  constructor(options: { readonly isTerminal?: boolean; readonly columns?: number } = {}) {
    this.outIsTerminal = options.isTerminal ?? false
    this.errorIsTerminal = options.isTerminal ?? false
    this.columns = options.columns ?? 80
  }

  print(text: string): Promise<void> {
    this.out += `${text}\n`
    return Promise.resolve()
  }

  note(text: string): void {
    this.error += `${text}\n`
  }

  raw(text: string): void {
    this.error += text
  }

  onClosed(): void {}
}

/** A context for runCli on a fake terminal. */
export function fakeContext(
  options: { readonly cwd?: string; readonly environment?: NodeJS.ProcessEnv; readonly terminal?: FakeTerminal } = {},
): CliContext & { readonly terminal: FakeTerminal } {
  return {
    terminal: options.terminal ?? new FakeTerminal(),
    environment: options.environment ?? {},
    cwd: options.cwd ?? process.cwd(),
    exitCode: 0,
  }
}
