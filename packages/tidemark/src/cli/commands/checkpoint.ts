import type { Command } from 'commander'
import { type CliContext, examples, type Options, withSettings } from '../context.ts'

/** `tidemark checkpoint list`. */
export function addCheckpoint(program: Command, context: CliContext): void {
  const checkpoint = program.command('checkpoint').description('the checkpoints of a job')
  const command = checkpoint
    .command('list')
    .description("each task's newest checkpoint: id, age, positions, what is in files, sizes")
  withSettings(command, ['dataDir'])
  examples(command, ['tidemark checkpoint list', 'tidemark checkpoint list --data-dir ./data --json'])
  command.action(async (options: Options) => {
    const { listCheckpoints } = await import('../checkpoint-list.ts')
    await listCheckpoints(options, context)
  })
}
