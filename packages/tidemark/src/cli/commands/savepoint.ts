import type { Command } from 'commander'
import { addDataCommand, type CliContext } from '../context.ts'
import { KAFKA_KEYS } from '../kafka-settings.ts'

/** `tidemark savepoint [JOB]`. */
export function addSavepoint(program: Command, context: CliContext): void {
  addDataCommand(program, {
    name: 'savepoint',
    about: 'write a consistent cut over all tasks of a job to a directory, to start from later',
    settings: KAFKA_KEYS,
    arguments: [['[job]', 'the job module: only for a stopped job that has records left to process']],
    flags: [
      ['--to <dir>', 'where to (default: savepoints/ in the data directory)'],
      ['--timeout <duration>', 'how long a running job may take to come to the cut', '60s'],
    ],
    examples: [
      'tidemark savepoint',
      'tidemark savepoint --to /safe/visits-before-upgrade --json',
      'tidemark savepoint visits.job.ts --brokers localhost:9092 --to /safe/visits',
      'tidemark run visits.job.ts --from /safe/visits-before-upgrade --data-dir ./data-2',
    ],
    notes: `
The sources of a running job stand still until all that they had given is processed; then the job goes on. The savepoint is
complete in itself: hard links to the state's files where the file system allows it, copies elsewhere. With --json one
object: {"savepoint","directory","atMs","tasks","files","bytes","pausedMs"}.
A job that runs on Kafka is asked through its data directory, too, on the machine that runs it. With --brokers and the job
module, one that does not run is run for it, without its files, and ended.
What the job writes outside after a savepoint is not taken back by starting from it.`,
    run: async (options, [job]) => {
      const { takeSavepoint } = await import('../checkpoint-commands.ts')
      await takeSavepoint(job, options, context)
    },
  })
}
