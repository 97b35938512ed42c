import type { Command } from 'commander'
import { type CliContext, examples, type Options } from '../context.ts'

/** `tidemark log dump FILE`. */
export function addLog(program: Command, context: CliContext): void {
  const log = program.command('log').description('segment files of record batches')
  const command = log
    .command('dump')
    .description("print the records of a segment file, ours or a Kafka broker's")
    .argument('<file>', 'the file (.log)')
    .option('--committed', 'only what a read-committed reader sees')
    .option('--json', 'one object a line: offset, timestamp, and key, value, headers in base64')
  examples(command, ['tidemark log dump 00000000000000000000.log', 'tidemark log dump segment.log --committed --json'])
  command.action(async (file: string, options: Options) => {
    const { dumpLog } = await import('../log-dump.ts')
    await dumpLog(file, options, context)
  })
}
