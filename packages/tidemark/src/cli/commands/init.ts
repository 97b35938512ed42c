import type { Command } from 'commander'
import { type CliContext, examples, type Options } from '../context.ts'

/** `tidemark init [DIR]`. */
export function addInit(program: Command, context: CliContext): void {
  const command = program
    .command('init')
    .description('write a small project that runs: a job, sample data, a test; never overwrites a file')
    .argument('[dir]', 'where to', '.')
    .option('--json', 'print what was written as one JSON object')
  examples(command, ['tidemark init my-job && cd my-job && npm start'])
  command.action(async (directory: string, options: Options) => {
    const { initProject } = await import('../init-project.ts')
    await initProject(directory, options, context)
  })
}
