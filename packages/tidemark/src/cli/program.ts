import { Command, CommanderError } from 'commander'
import { TidemarkError } from '../errors/error.ts'
import { EXIT } from '../errors/entry.ts'
import { addBench } from './commands/bench.ts'
import { addCheckpoint } from './commands/checkpoint.ts'
import { addCompletion } from './commands/completion.ts'
import { addConfig } from './commands/config.ts'
import { addDev } from './commands/dev.ts'
import { addDoctor } from './commands/doctor.ts'
import { addInit } from './commands/init.ts'
import { addLog } from './commands/log.ts'
import { addPlan } from './commands/plan.ts'
import { addReset } from './commands/reset.ts'
import { addRun } from './commands/run.ts'
import { addSavepoint } from './commands/savepoint.ts'
import { addState } from './commands/state.ts'
import { addStreams } from './commands/streams.ts'
import type { CliContext } from './context.ts'
import { nearest } from '../ops/nearest.ts'
import { printError } from './print-error.ts'
import { version } from './version.ts'

/** Runs one command line (without node and script) and returns the exit code. Never throws. */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const program = makeProgram(context)
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync(args, { from: 'user' })
    return context.exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const shown = error instanceof CommanderError ? usageError(error, program, args) : error
    const debug = (context.environment['TIDEMARK_DEBUG'] ?? '0') !== '0'
    return printError(shown, context.terminal, { json: args.includes('--json'), debug })
  }
}

/** All commands; nothing heavy is loaded before one of them runs. */
export function makeProgram(context: CliContext): Command {
  const program = new Command('tidemark')
    .description('Stateful stream processing for Node.js.')
    .version(`tidemark ${version()}`, '-V, --version')
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({ outputError: () => {}, writeErr: (text) => context.terminal.raw(text) })
  program.addHelpText('after', '\nExample:\n  tidemark run visits.job.ts --in visits=visits.jsonl')
  for (const add of [
    addRun,
    addDev,
    addPlan,
    addConfig,
    addStreams,
    addState,
    addCheckpoint,
    addSavepoint,
    addLog,
    addDoctor,
    addReset,
    addBench,
    addInit,
    addCompletion,
  ]) {
    add(program, context)
  }
  return program
}

/** What commander says, as an error of ours with the nearest right name. */
function usageError(error: CommanderError, program: Command, args: readonly string[]): TidemarkError {
  const command = commandOf(program, args)
  const hint = `${command.name() === 'tidemark' ? 'tidemark' : pathOf(command)} --help`
  const message = error.message.replace(/^error: /, '')
  const quoted = /'([^']*)'/.exec(message)?.[1] ?? ''
  if (error.code === 'commander.unknownOption') {
    const flags = [...command.options.flatMap((option) => (option.long ? [option.long] : [])), '--help']
    const near = nearest(quoted, flags)
    return new TidemarkError('ERR_UNKNOWN_FLAG', `unknown flag ${quoted}.${didYouMean(near)}`, { details: { hint } })
  }
  if (error.code === 'commander.unknownCommand') {
    const near = nearest(
      quoted,
      command.commands.map((each) => each.name()),
    )
    const whole = `${pathOf(command)} ${quoted}`
    return new TidemarkError('ERR_UNKNOWN_COMMAND', `unknown command "${whole}".${didYouMean(near)}`, {
      details: { hint },
    })
  }
  if (error.code === 'commander.help') {
    const names = command.commands.map((each) => each.name()).join(', ')
    return new TidemarkError('ERR_USAGE', `${pathOf(command)} needs one of: ${names}`, { details: { hint } })
  }
  return new TidemarkError('ERR_USAGE', message, { details: { hint } })
}

function didYouMean(name: string | undefined): string {
  return name === undefined ? '' : ` Did you mean ${name}?`
}

/** The command that the arguments lead to, as far as they are known. */
function commandOf(program: Command, args: readonly string[]): Command {
  let command = program
  for (const arg of args) {
    if (arg.startsWith('-')) break
    const next = command.commands.find((each) => each.name() === arg)
    if (next === undefined) break
    command = next
  }
  return command
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}
