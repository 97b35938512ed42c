import type { Command } from 'commander'
import { type CliContext, examples, type Options, settingsOf, withSettings } from '../context.ts'
import { toJson } from '../format.ts'
import { shorten } from '../import-module.ts'
import type { ResolvedSetting } from '../resolve-settings.ts'
import { renderTable } from '../table.ts'
import { RUN_SETTINGS } from './run.ts'

/** `tidemark config`. */
export function addConfig(program: Command, context: CliContext): void {
  const command = program.command('config').description('print each setting, its value and where it came from')
  withSettings(command, RUN_SETTINGS)
  examples(command, ['tidemark config', 'TIDEMARK_PARTITIONS=8 tidemark config --commit-interval 200ms --json'])
  command.addHelpText('after', '\nThe last wins: default, tidemark.config.ts, TIDEMARK_ variables, flags.')
  command.action(async (options: Options) => {
    const { rows } = await settingsOf(options, context)
    const { terminal } = context
    if (options['json'] === true) {
      const entries = rows.map((row) => [row.spec.name, { value: row.value, source: row.source }])
      await terminal.print(toJson(Object.fromEntries(entries)))
      return
    }
    const columns = [
      { title: 'setting', whole: true },
      { title: 'value' },
      { title: 'from' },
      // What is left out of a narrow terminal follows from the setting's name.
      { title: 'flag', optional: true },
      { title: 'variable', optional: true },
    ]
    const table = renderTable(columns, rows.map(cells), {
      header: terminal.style.dim,
      ...(terminal.outIsTerminal ? { width: terminal.columns } : {}),
    })
    await terminal.print(table.join('\n'))
  })
}

function cells({ spec, value, source }: ResolvedSetting): string[] {
  const from = source.includes('/') ? shorten(source) : source
  return [spec.name, spec.show(value), from, spec.flag, spec.variable]
}
