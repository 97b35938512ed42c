import type { Command } from 'commander'
import { type CliContext, examples, type Options } from '../context.ts'
import { withRunFlags } from './run.ts'

/** `tidemark dev JOB`. */
export function addDev(program: Command, context: CliContext): void {
  const command = program
    .command('dev')
    .description('run a job here and start it again on every change of its code, with its state kept')
    .argument('<job>', 'the job module, such as visits.job.ts')
  withRunFlags(command)
  command.option('--no-follow', 'do not wait for more at the end of the input files')
  examples(command, ['tidemark dev visits.job.ts --in visits=visits.jsonl'])
  command.addHelpText(
    'after',
    `
The job module and all that it imports (but packages) are watched. On a change the run is drained, so that everything
processed is committed, and started again from there. There is no dashboard yet.`,
  )
  command.action(async (job: string, options: Options) => {
    const { developJob } = await import('../dev/develop-job.ts')
    await developJob(job, options, context)
  })
}
