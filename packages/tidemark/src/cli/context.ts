import { statSync } from 'node:fs'
import type { Command } from 'commander'
import { TidemarkError } from '../errors/error.ts'
import { resolveSettings, type ResolvedSettings } from './resolve-settings.ts'
import { SETTINGS, type Settings } from './settings.ts'
import type { Terminal } from './terminal.ts'

/** What every command is given. */
export interface CliContext {
  readonly terminal: Terminal
  readonly environment: NodeJS.ProcessEnv
  readonly cwd: string
  /** The exit code when the command ends without an error; 0 until set. */
  exitCode: number
}

/** Options that commander parsed, by their camel-case names. */
export type Options = Readonly<Record<string, unknown>>

/** Adds flags of settings to a command, `--config` and `--json`. */
export function withSettings(command: Command, keys: readonly (keyof Settings)[]): Command {
  for (const spec of SETTINGS) {
    if (!keys.includes(spec.key)) continue
    const byDefault = spec.key === 'dataDir' ? './.tidemark' : spec.show(spec.fallback)
    command.option(`${spec.flag} ${spec.argument}`.trim(), `${spec.about} (default: ${byDefault})`)
  }
  command.option('--config <file>', 'configuration file (default: ./tidemark.config.ts, if it is there)')
  return command.option('--json', 'machine-readable output; errors too, as one JSON object on standard error')
}

/** The settings for a command whose options commander has parsed. ERR_CONFIG_VALUE too when dataDir is a file. */
export async function settingsOf(options: Options, context: CliContext): Promise<ResolvedSettings> {
  const flags: Record<string, unknown> = {}
  for (const spec of SETTINGS) flags[spec.key] = options[flagName(spec.flag)]
  const config = options['config']
  const resolved = await resolveSettings({
    cwd: context.cwd,
    environment: context.environment,
    flags,
    config: typeof config === 'string' ? config : undefined,
  })
  const { dataDir } = resolved.settings
  if (statSync(dataDir, { throwIfNoEntry: false })?.isDirectory() === false) {
    const source = resolved.rows.find((row) => row.spec.key === 'dataDir')?.source ?? 'default'
    throw new TidemarkError('ERR_CONFIG_VALUE', `${source}: dataDir takes a directory, and ${dataDir} is a file.`, {
      details: { setting: 'dataDir', source },
    })
  }
  return resolved
}

/** `--data-dir` as commander names it: `dataDir`. */
export function flagName(flag: string): string {
  return flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** A command, what it takes and how it is shown: what all commands that look at a data directory have in common. */
export interface DataCommand {
  readonly name: string
  readonly about: string
  /** Pairs of a flag and what it does; a third is its default. */
  readonly flags?: readonly (readonly [flag: string, about: string, fallback?: string])[]
  readonly arguments?: readonly (readonly [name: string, about: string, fallback?: string])[]
  /** Settings beside the data directory. */
  readonly settings?: readonly (keyof Settings)[]
  readonly examples: readonly string[]
  /** Follows the examples. */
  readonly notes?: string
  /** Called with the arguments and the options; imports what it needs only then. */
  readonly run: (options: Options, args: readonly string[]) => Promise<void>
}

/** Adds the command with the flags of the data directory, `--config` and `--json`. */
export function addDataCommand(parent: Command, spec: DataCommand): void {
  const command = parent.command(spec.name).description(spec.about)
  for (const [name, about, fallback] of spec.arguments ?? []) command.argument(name, about, fallback)
  for (const [flag, about, fallback] of spec.flags ?? []) command.option(flag, about, fallback)
  withSettings(command, ['dataDir', ...(spec.settings ?? [])])
  examples(command, spec.examples)
  if (spec.notes !== undefined) command.addHelpText('after', spec.notes)
  command.action(() => spec.run(command.opts(), command.processedArgs as string[]))
}

/** Ends a command's help with examples and exit codes of its own. */
export function examples(command: Command, lines: readonly string[]): Command {
  const text = lines.map((line) => `  ${line}`).join('\n')
  return command.addHelpText('after', `\nExamples:\n${text}\n\nExit codes: 0 done; others in docs/guide/errors.md.`)
}
