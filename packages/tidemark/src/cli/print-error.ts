import { isTidemarkError, type TidemarkError } from '../errors/error.ts'
import { EXIT } from '../errors/entry.ts'
import { ERRORS } from '../errors/table.ts'
import { toJson } from './format.ts'
import type { Terminal } from './terminal.ts'

/** How many causes of causes are shown: a chain may be a ring. */
const MAX_CAUSES = 8

/** How an error is shown: one JSON object on standard error, or lines for people; with or without the stack. */
export interface ErrorStyle {
  readonly json: boolean
  readonly debug: boolean
}

/** Shows the error that ended a command and returns the exit code for it. */
export function printError(error: unknown, terminal: Terminal, style: ErrorStyle): number {
  const exit = exitCodeOf(error)
  terminal.note(style.json ? errorJson(error, exit, style.debug) : errorText(error, terminal, style.debug))
  return exit
}

/** The exit code of the CLI for an error: the table's for ours, 70 (a defect) for all others. */
export function exitCodeOf(error: unknown): number {
  return isTidemarkError(error) ? error.exitCode : EXIT.internal
}

function errorText(error: unknown, terminal: Terminal, debug: boolean): string {
  const { bold, dim, red } = terminal.errorStyle
  const lines: string[] = []
  if (isTidemarkError(error)) {
    lines.push(`${red(bold('tidemark:'))} ${error.message}`)
    const frame = error.details['codeFrame']
    if (typeof frame === 'string') lines.push('', frame, '')
    lines.push(dim(`  code  ${error.code}`))
    lines.push(dim(`  hint  ${hintOf(error)}`))
  } else {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    lines.push(`${red(bold('tidemark:'))} unexpected error: ${message}`)
    lines.push(
      dim('  hint  This is a defect of Tidemark or of the job. Run again with TIDEMARK_DEBUG=1 for the stack.'),
    )
  }
  for (const cause of causesOf(error)) lines.push(dim(`  cause ${causeText(cause)}`))
  if (debug) lines.push(...stacksOf(error))
  return lines.join('\n')
}

function errorJson(error: unknown, exit: number, debug: boolean): string {
  const known = isTidemarkError(error)
  return toJson({
    error: {
      code: known ? error.code : null,
      message: error instanceof Error ? error.message : String(error),
      details: known ? error.details : {},
      hint: known ? hintOf(error) : 'Run again with TIDEMARK_DEBUG=1 for the stack.',
      exit,
      causes: causesOf(error).map((cause) => ({
        code: isTidemarkError(cause) ? cause.code : null,
        name: cause.name,
        message: cause.message,
        at: placeOf(cause) ?? undefined,
      })),
      stack: debug ? stacksOf(error).join('\n') : undefined,
    },
  })
}

function hintOf(error: TidemarkError): string {
  const hint = error.details['hint']
  return typeof hint === 'string' ? hint : ERRORS[error.code].about
}

/** The causes of an error, the nearest first. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = []
  let at: unknown = error instanceof Error ? error.cause : null
  for (; at instanceof Error && causes.length < MAX_CAUSES; at = at.cause) causes.push(at)
  return causes
}

function causeText(cause: Error): string {
  const place = placeOf(cause)
  const what = `${isTidemarkError(cause) ? cause.code : cause.name}: ${cause.message}`
  return place === null ? what : `${what} (${place})`
}

/** Where an error was thrown, as its stack has it; of an error of ours that is nobody's concern. */
function placeOf(cause: Error): string | null {
  if (isTidemarkError(cause)) return null
  return /^ {4}at (.*)$/m.exec(cause.stack ?? '')?.[1] ?? null
}

function stacksOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return [error, ...causesOf(error)].map((each, i) => `${i === 0 ? '' : 'caused by: '}${each.stack ?? each.message}`)
}
