import type { Command } from 'commander'
import { type CliContext, examples, type Options, withSettings } from '../context.ts'

const KEY_NOTE = `
A key is given as text for string stores and as JSON for all others (5, [1,"a"], {"id":7}). A window is given by its start,
in ms since 1970 or as a time such as 2013-01-01T05:00Z. State is read as of each task's last commit, also while the job
runs.`

/** `tidemark state get|scan`. */
export function addState(program: Command, context: CliContext): void {
  const state = program.command('state').description('the committed state of a job')
  addGet(state, context)
  addScan(state, context)
}

function addGet(state: Command, context: CliContext): void {
  const command = state
    .command('get')
    .description('print the value of one key')
    .option('--store <name>', 'the store')
    .option('--key <key>', 'the key')
    .option('--window <start>', 'the window, in a store of windows')
  withSettings(command, ['dataDir'])
  examples(command, [
    'tidemark state get --store visits-by-user --key ada',
    'tidemark state get --store visits-per-hour --key ada --window 2013-01-01T05:00Z --json',
  ])
  command.addHelpText('after', `Exit code 1 when there is no such key (ERR_NO_SUCH_KEY).\n${KEY_NOTE}`)
  command.action(async (options: Options) => {
    const { getState } = await import('../state-commands.ts')
    await getState(options, context)
  })
}

function addScan(state: Command, context: CliContext): void {
  const command = state
    .command('scan')
    .description('print the entries of a store in key order, of all tasks')
    .option('--store <name>', 'the store')
    .option('--key <key>', 'only this key, with all its windows')
    .option('--window <start>', 'only the windows that start then')
    .option('--prefix <text>', 'only keys whose bytes start with this text')
    .option('--from <key>', 'first key')
    .option('--to <key>', 'end of keys, not included')
    .option('--limit <n>', 'at most so many entries')
    .option('--reverse', 'from the last key to the first')
  withSettings(command, ['dataDir'])
  examples(command, [
    'tidemark state scan --store visits-by-user --limit 10',
    'tidemark state scan --store visits-by-user --prefix a --json',
    'tidemark state scan --store visits-per-hour --key ada --reverse --limit 24',
  ])
  command.addHelpText(
    'after',
    `With --json one object a line: {"key":...,"value":...}, with "window":{"start":ms,"end":ms} for windows.\n${KEY_NOTE}`,
  )
  command.action(async (options: Options) => {
    const { scanState } = await import('../state-commands.ts')
    await scanState(options, context)
  })
}
