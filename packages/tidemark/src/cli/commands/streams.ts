import type { Command } from 'commander'
import { addDataCommand, type CliContext } from '../context.ts'
import { KAFKA_KEYS } from '../kafka-settings.ts'

const SERDES =
  'auto (text where it is UTF-8), utf8, json, base64, uint, int32, int64, float64, boolean, msgpack, tuple(...)'

const SERDE_FLAGS: readonly (readonly [string, string])[] = [
  ['--key-serde <name>', `how keys are encoded (default: as the stream says, on Kafka auto): ${SERDES}`],
  ['--value-serde <name>', 'the same of values'],
]

/** `tidemark streams list|read|write`. */
export function addStreams(program: Command, context: CliContext): void {
  const streams = program.command('streams').description('the streams of a data directory, or of Kafka')
  addDataCommand(streams, {
    name: 'list',
    about: 'every stream with its partitions, records and size, and whose own it is',
    settings: KAFKA_KEYS,
    flags: [['--all', 'the topics of the brokers themselves too']],
    examples: [
      'tidemark streams list',
      'tidemark streams list --data-dir ./data --json',
      'tidemark streams list --brokers localhost:9092',
    ],
    run: async (options) => {
      const { listStreams } = await import('../streams-list.ts')
      await listStreams(options, context)
    },
  })
  addDataCommand(streams, {
    name: 'read',
    about: 'print the committed records of a stream',
    settings: KAFKA_KEYS,
    arguments: [['<stream>', 'its name; on Kafka the topic']],
    flags: [
      ['--partition <n>', 'only this partition (default: all, one after the other)'],
      [
        '--from <offset|time>',
        "first offset, or time, or 'end' for what comes from now on (default: the oldest there is)",
      ],
      ['--to <offset|time>', 'where to end, not included (default: the end as it is now)'],
      ['--limit <n>', 'at most so many records'],
      ['--follow', 'wait for more'],
      ['--uncommitted', 'on Kafka: records of open and aborted transactions too'],
      ['--marks', 'the marks of intermediate streams too'],
      ...SERDE_FLAGS,
    ],
    examples: [
      'tidemark streams read visits --limit 10',
      'tidemark streams read visits-per-hour --partition 0 --from 100 --follow --json',
      'tidemark streams read visits --brokers localhost:9092 --from 2026-11-24T05:00Z --value-serde json --json',
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
    about: 'append records to a stream: of a data directory while its job does not run, of Kafka at any time',
    settings: KAFKA_KEYS,
    arguments: [
      ['<stream>', 'its name; it must be there'],
      ['[file]', "JSON lines, or '-' for standard input", '-'],
    ],
    flags: [
      ['--values', 'each line is the value itself; the key is null'],
      ['--by-key', 'the hash of the key chooses the partition, even where the line names one'],
      ['--batch <n>', 'records that are appended, and acknowledged, together', '1000'],
      ...SERDE_FLAGS,
    ],
    examples: [
      `echo '{"key":"ada","value":{"page":"/"}}' | tidemark streams write visits`,
      'tidemark streams write visits more.jsonl --values',
      'tidemark streams read a --brokers old:9092 --json | tidemark streams write b --brokers new:9092 --by-key',
    ],
    notes: `
A line is {"key":...,"value":...,"timestamp":ms,"partition":n,"headers":[[name,value],...]}, as streams read --json prints
it; all but "value" may be absent. A value of null is a tombstone, {"base64":"..."} stands for bytes. In a data directory
the records of --batch are one transaction; on Kafka the producer is idempotent, and each is acknowledged by all
in-sync replicas.`,
    run: async (options, [stream, file]) => {
      const { writeStream } = await import('../streams-write.ts')
      await writeStream(stream as string, file as string, options, context)
    },
  })
}
