import type { Command } from 'commander'
import { addDataCommand, type CliContext } from '../context.ts'

/** `tidemark streams list|read|write`. */
export function addStreams(program: Command, context: CliContext): void {
  const streams = program.command('streams').description('the streams of a data directory')
  addDataCommand(streams, {
    name: 'list',
    about: 'every stream with its partitions, serdes and records',
    examples: ['tidemark streams list', 'tidemark streams list --data-dir ./data --json'],
    run: async (options) => {
      const { listStreams } = await import('../streams-list.ts')
      await listStreams(options, context)
    },
  })
  addDataCommand(streams, {
    name: 'read',
    about: 'print the committed records of a stream',
    arguments: [['<stream>', 'its name']],
    flags: [
      ['--partition <n>', 'only this partition (default: all, one after the other)'],
      ['--from <offset>', 'first offset (default: the oldest there is)'],
      ['--limit <n>', 'at most so many records'],
      ['--follow', 'wait for more'],
      ['--marks', 'the marks of intermediate streams too'],
    ],
    examples: [
      'tidemark streams read visits --limit 10',
      'tidemark streams read visits-per-hour --partition 0 --from 100 --follow --json',
    ],
    run: async (options, [stream]) => {
      const { readStream } = await import('../streams-read.ts')
      await readStream(stream as string, options, context)
    },
  })
  addWrite(streams, context)
}

function addWrite(streams: Command, context: CliContext): void {
  addDataCommand(streams, {
    name: 'write',
    about: 'append records to a stream while its job does not run',
    arguments: [
      ['<stream>', 'its name; the job must have made it'],
      ['[file]', "JSON lines, or '-' for standard input", '-'],
    ],
    flags: [
      ['--values', 'each line is the value itself; the key is null'],
      ['--batch <n>', 'records per transaction', '1000'],
    ],
    examples: [
      `echo '{"key":"ada","value":{"page":"/"}}' | tidemark streams write visits`,
      'tidemark streams write visits more.jsonl --values',
    ],
    notes:
      '\nA line is {"key":...,"value":...,"timestamp":ms}, as streams read --json prints it; key and timestamp may be absent.',
    run: async (options, [stream, file]) => {
      const { writeStream } = await import('../streams-write.ts')
      await writeStream(stream as string, file as string, options, context)
    },
  })
}
