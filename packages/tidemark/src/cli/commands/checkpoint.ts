import type { Command } from 'commander'
import { addDataCommand, type CliContext } from '../context.ts'

/** `tidemark checkpoint list`. */
export function addCheckpoint(program: Command, context: CliContext): void {
  const checkpoint = program.command('checkpoint').description('the checkpoints of a job')
  addDataCommand(checkpoint, {
    name: 'list',
    about: "each task's newest checkpoint: id, age, positions, what is in files, sizes",
    examples: ['tidemark checkpoint list', 'tidemark checkpoint list --data-dir ./data --json'],
    run: async (options) => {
      const { listCheckpoints } = await import('../checkpoint-list.ts')
      await listCheckpoints(options, context)
    },
  })
}
