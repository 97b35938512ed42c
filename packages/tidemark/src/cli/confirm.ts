import { createInterface } from 'node:readline'
import { TidemarkError } from '../errors/error.ts'
import type { CliContext, Options } from './context.ts'

/** Asks before something is removed, unless `--yes` was given. ERR_USAGE where nobody can be asked, and for a no. */
export async function confirmed(what: string, options: Options, context: CliContext): Promise<void> {
  if (options['yes'] === true) return
  if (!context.terminal.errorIsTerminal || !process.stdin.isTTY) {
    throw new TidemarkError('ERR_USAGE', `this removes ${what}. Say --yes to do it`)
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await new Promise<string>((done) => {
    lines.question(`Remove ${what}? [y/N] `, done)
    lines.on('close', () => done(''))
  })
  lines.close()
  if (/^y(es)?$/i.test(answer.trim())) return
  throw new TidemarkError('ERR_USAGE', 'nothing was removed')
}
