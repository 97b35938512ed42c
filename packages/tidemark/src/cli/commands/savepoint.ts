import type { Command } from 'commander'
import { addDataCommand, type CliContext } from '../context.ts'

/** `tidemark savepoint [JOB]`. */
export function addSavepoint(program: Command, context: CliContext): void {
  addDataCommand(program, {
    name: 'savepoint',
    about: 'write a consistent cut over all tasks of a job to a directory, to start from later',
    arguments: [['[job]', 'the job module: only for a stopped job that has records left to process']],
    flags: [
      ['--to <dir>', 'where to (default: savepoints/ in the data directory)'],
      ['--timeout <duration>', 'how long a running job may take to come to the cut', '60s'],
    ],
    examples: [
      'tidemark savepoint',
      'tidemark savepoint --to /safe/visits-before-upgrade --json',
      'tidemark run visits.job.ts --from /safe/visits-before-upgrade --data-dir ./data-2',
    ],
    notes: `
The sources of a running job stand still until all that they had given is processed; then the job goes on. The savepoint is
complete in itself: hard links to the state's files where the file system allows it, copies elsewhere. With --json one
object: {"savepoint","directory","atMs","tasks","files","bytes","pausedMs"}.
What the job writes outside after a savepoint is not taken back by starting from it.`,
    run: async (options, [job]) => {
      const { takeSavepoint } = await import('../checkpoint-commands.ts')
      await takeSavepoint(job, options, context)
    },
  })
}
