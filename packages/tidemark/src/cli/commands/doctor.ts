import type { Command } from 'commander'
import { type CliContext, examples, type Options, withSettings } from '../context.ts'
import { KAFKA_KEYS } from '../kafka-settings.ts'

/** `tidemark doctor [JOB]`. */
export function addDoctor(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .description('look for what will go wrong: of this machine, of brokers, and for a job')
    .argument('[job]', 'the job module: are its topics, rights and limits as it needs them?')
  withSettings(command, ['dataDir', 'partitions', 'commitTimeoutMs', ...KAFKA_KEYS])
  command.option('--probe', "compare the brokers' clocks with this one: makes a topic, writes to it, and removes it")
  examples(command, [
    'tidemark doctor',
    'tidemark doctor --brokers localhost:9092',
    'tidemark doctor visits.job.ts --brokers kafka-1:9093 --tls --sasl scram-sha-512 --username ada --json',
  ])
  command.addHelpText(
    'after',
    `
Exit code 1 when there is a problem. With --json one object a line: {"level","check","subject","text","advice"}.
Nothing is changed (but by --probe): rights are learnt from what brokers tell of them, and from requests that they
refuse for another reason.`,
  )
  command.action(async (job: string | undefined, options: Options) => {
    const { doctor } = await import('../doctor-command.ts')
    await doctor(job, options, context)
  })
}
