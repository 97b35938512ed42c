import type { Command } from 'commander'
import { addDataCommand, type CliContext } from '../context.ts'

const NAMES_NOTE = `
A checkpoint is named by its time in UTC, such as 20261124-024500. The job keeps some by itself (the settings
checkpoint.interval and checkpoint.retain); those that you make stay until you delete them. Read one with
tidemark state get|scan|diff --checkpoint NAME.`

/** `tidemark checkpoint list|create|delete`. */
export function addCheckpoint(program: Command, context: CliContext): void {
  const checkpoint = program.command('checkpoint').description('the checkpoints of a job')
  addDataCommand(checkpoint, {
    name: 'list',
    about: "each task's newest checkpoint, then the retained ones: age, sizes, what changed since the one before",
    flags: [['--checkpoint-to <url>', 'also what is kept there (default: the setting checkpoint.to)']],
    examples: ['tidemark checkpoint list', 'tidemark checkpoint list --data-dir ./data --json'],
    notes: `
With --json one object a line: for each task {"task","id","atMs","positions",...}, then for each retained checkpoint and
task {"checkpoint","kind","task","id","atMs","files","bytes","entries","ownBytes","commits","changedBytes","addedFiles",
"addedBytes","addedEntries"}, then for each one at checkpoint.to {"where","task","id","epoch","atMs","files","bytes"}.
Own is what deleting it frees. Changes are commits and bytes of changes since the one above it (of the first: since the job
began); added is what its files have that the one above had not.
${NAMES_NOTE}`,
    run: async (options) => {
      const { listCheckpoints } = await import('../checkpoint-list.ts')
      await listCheckpoints(options, context)
    },
  })
  addDataCommand(checkpoint, {
    name: 'create',
    about: 'keep a checkpoint of every task, of a running or a stopped job',
    flags: [['--timeout <duration>', 'how long a running job may take', '60s']],
    examples: ['tidemark checkpoint create', 'tidemark checkpoint create --data-dir ./data --json'],
    notes: NAMES_NOTE,
    run: async (options) => {
      const { createCheckpoint } = await import('../checkpoint-commands.ts')
      await createCheckpoint(options, context)
    },
  })
  addDataCommand(checkpoint, {
    name: 'delete',
    about: 'give a retained checkpoint up, with the files that nothing else needs',
    arguments: [['<name>', 'its name, as checkpoint list shows it']],
    flags: [['--timeout <duration>', 'how long a running job may take', '60s']],
    examples: ['tidemark checkpoint delete 20261124-024512.345'],
    run: async (options, [name]) => {
      const { deleteCheckpoint } = await import('../checkpoint-commands.ts')
      await deleteCheckpoint(name as string, options, context)
    },
  })
}
