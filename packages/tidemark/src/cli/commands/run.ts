import type { Command } from 'commander'
import { type CliContext, examples, type Options, withSettings } from '../context.ts'
import { collect } from '../flag-values.ts'
import { KAFKA_KEYS } from '../kafka-settings.ts'
import type { Settings } from '../settings.ts'
import { STATE_SETTINGS } from '../state-settings.ts'

/** Settings that a run takes. */
export const RUN_SETTINGS: readonly (keyof Settings)[] = [
  'dataDir',
  'containers',
  'partitions',
  'commitIntervalMs',
  'commitMaxDelayMs',
  'commitTimeoutMs',
  'checkpointIntervalMs',
  'checkpointRetain',
  'engine',
  'storeEngines',
  'delivery',
  'onError',
  'maxRestarts',
  'drainTimeoutMs',
  'idleMs',
  'checkpointTo',
  'checkpointUploadIntervalMs',
  'checkpointRepair',
  'checkpointMaxJournalBytes',
  ...STATE_SETTINGS.map(({ key }) => key),
  ...KAFKA_KEYS,
]

/** `tidemark run JOB`. */
export function addRun(program: Command, context: CliContext): void {
  const command = program
    .command('run')
    .description('run a job here, until its input ends')
    .argument('<job>', 'the job module, such as visits.job.ts')
  withRunFlags(command)
  command.option('--follow', 'wait for more at the end of the input files')
  command.option('--until-end', 'end when what the streams hold at the start is processed')
  command.option('--from <savepoint>', 'start from the state and positions of a savepoint: its directory')
  command.option('--development', 'check that each key that is put into a store belongs to the task that puts it')
  command.option(
    '--no-wait',
    'with --brokers: end at once if another process runs the job, rather than wait as its spare',
  )
  command.option('--no-report', 'no tables at the end')
  examples(command, [
    'tidemark run visits.job.ts --in visits=visits.jsonl',
    'cat visits.jsonl | tidemark run visits.job.ts --in visits=- --out visits-per-hour=-',
    'tidemark run visits.job.ts --in visits=access.jsonl --follow --commit-interval 200ms',
    'tidemark run visits.job.ts --brokers localhost:9092 --until-end',
    'tidemark run visits.job.ts --engine rocksdb --store-engines visits-per-hour=lmdb',
    'tidemark run visits.job.ts --from ./data/savepoints/20261124-024512 --data-dir ./data-2',
  ])
  command.addHelpText('after', RUN_NOTES)
  command.action(async (job: string, options: Options) => {
    const { runJob } = await import('../run-job.ts')
    await runJob(job, options, context)
  })
}

/** Flags that run and dev share. */
export function withRunFlags(command: Command): void {
  command.option('--in <stream=file>', "read a file (or '-', standard input) into a stream; repeatable", collect)
  command.option('--out <stream=file>', "write a stream's committed records to a file (or '-'); repeatable", collect)
  withSettings(command, RUN_SETTINGS)
}

const RUN_NOTES = `
Without --in, the job module's export "inputs" says what to read. Files may be .jsonl, .ndjson, .json or .csv, each also
.gz or .zst. Ctrl-C or SIGTERM drains: what was processed is committed, and the next run goes on from there; a second
Ctrl-C ends at once (exit code 130) and loses nothing that was committed.

With --brokers, one process runs the job; others that are started for it wait as spares, and the next takes over when it
ends. One that loses touch with the brokers stops its tasks and becomes a spare itself.`
