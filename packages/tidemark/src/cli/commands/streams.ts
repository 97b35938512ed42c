import type { Command } from 'commander'
import { type CliContext, examples, type Options, withSettings } from '../context.ts'

/** `tidemark streams list|read|write`. */
export function addStreams(program: Command, context: CliContext): void {
  const streams = program.command('streams').description('the streams of a data directory')
  addList(streams, context)
  addRead(streams, context)
  addWrite(streams, context)
}

function addList(streams: Command, context: CliContext): void {
  const command = streams.command('list').description('every stream with its partitions, serdes and records')
  withSettings(command, ['dataDir'])
  examples(command, ['tidemark streams list', 'tidemark streams list --data-dir ./data --json'])
  command.action(async (options: Options) => {
    const { listStreams } = await import('../streams-list.ts')
    await listStreams(options, context)
  })
}

function addRead(streams: Command, context: CliContext): void {
  const command = streams
    .command('read')
    .description('print the committed records of a stream')
    .argument('<stream>', 'its name')
    .option('--partition <n>', 'only this partition (default: all, one after the other)')
    .option('--from <offset>', 'first offset (default: the oldest there is)')
    .option('--limit <n>', 'at most so many records')
    .option('--follow', 'wait for more')
    .option('--marks', 'the marks of intermediate streams too')
  withSettings(command, ['dataDir'])
  examples(command, [
    'tidemark streams read visits --limit 10',
    'tidemark streams read visits-per-hour --partition 0 --from 100 --follow --json',
  ])
  command.action(async (stream: string, options: Options) => {
    const { readStream } = await import('../streams-read.ts')
    await readStream(stream, options, context)
  })
}

function addWrite(streams: Command, context: CliContext): void {
  const command = streams
    .command('write')
    .description('append records to a stream while its job does not run')
    .argument('<stream>', 'its name; the job must have made it')
    .argument('[file]', "JSON lines, or '-' for standard input", '-')
    .option('--values', 'each line is the value itself; the key is null')
    .option('--batch <n>', 'records per transaction', '1000')
  withSettings(command, ['dataDir'])
  examples(command, [
    `echo '{"key":"ada","value":{"page":"/"}}' | tidemark streams write visits`,
    'tidemark streams write visits more.jsonl --values',
  ])
  command.addHelpText(
    'after',
    '\nA line is {"key":...,"value":...,"timestamp":ms}, as streams read --json prints it; key and timestamp may be absent.',
  )
  command.action(async (stream: string, file: string, options: Options) => {
    const { writeStream } = await import('../streams-write.ts')
    await writeStream(stream, file, options, context)
  })
}
