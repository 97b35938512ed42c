import type { Command } from 'commander'
import { type CliContext, examples, type Options, withSettings } from '../context.ts'

/** `tidemark plan JOB`. */
export function addPlan(program: Command, context: CliContext): void {
  const command = program
    .command('plan')
    .description('print what a job will do: streams, repartitions, tasks, stores, guarantees; runs nothing')
    .argument('<job>', 'the job module')
  withSettings(command, ['partitions', 'engine', 'storeEngines'])
  examples(command, ['tidemark plan visits.job.ts', 'tidemark plan visits.job.ts --partitions 8 --json'])
  command.action(async (job: string, options: Options) => {
    const { planJob } = await import('../plan-job.ts')
    await planJob(job, options, context)
  })
}
