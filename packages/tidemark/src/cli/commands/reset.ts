import type { Command } from 'commander'
import { addDataCommand, type CliContext } from '../context.ts'
import { KAFKA_KEYS } from '../kafka-settings.ts'

/** `tidemark reset JOB`. */
export function addReset(program: Command, context: CliContext): void {
  addDataCommand(program, {
    name: 'reset',
    about: 'start a job anew: remove its state, positions and records between steps',
    settings: KAFKA_KEYS,
    arguments: [['<job>', 'the job module, or the name of the job']],
    flags: [
      ['--yes', 'do not ask'],
      ['--sources', 'on Kafka: forget what was read of files and standard input, too; it is then read again'],
    ],
    examples: ['tidemark reset visits.job.ts', 'tidemark reset visits --brokers localhost:9092 --yes'],
    notes: `
Lists what goes and what stays, and asks. Input and output streams stay: the next run reads the inputs from their start,
and writes its outputs again, behind those of before. On Kafka the state topic, the repartition topics, the offsets of
the group and the local files go; embedded, all lineages of the data directory, with their retained checkpoints.
Savepoints stay, and what is kept at checkpoint.to. It is refused while the job runs. With --json one object:
{"job","removed":[{"kind","name","about","count","sizeBytes"}],"kept":[...]}.`,
    run: async (options, [job]) => {
      const { resetJob } = await import('../reset-command.ts')
      await resetJob(job as string, options, context)
    },
  })
}
