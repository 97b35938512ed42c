import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { KafkaServer, kafkaMissing } from '../scripts/lib/services/kafka.ts'
import { CASES, CODECS } from './kafka/cases.ts'
import { describe, HEADING } from './kafka/compare.ts'
import { buildPeer } from './kafka/kafka-streams.ts'
import { Measure, type MeasureOptions } from './kafka/measure.ts'

const HELP = `usage: node scripts/run.mjs bench/kafka [OPTION]...

Tidemark and Kafka Streams over the same topics of one broker on this machine, exactly-once, a commit each second, the
same compression and size of cache, in turns: which goes first alternates. A line for each case; medians of the rounds.
Kafka Streams is measured in a JVM that has processed the input before; ours from the start of its process. In the first
round of a case the outputs of both are read and compared: a difference is an error.

  --case NAME      ${CASES.map(({ name }) => name).join(', ')}; may be repeated (default: all)
  --rounds N       default 5
  --records N      default 4000000
  --threads LIST   processing threads of each side: 1,2 (default 1)
  --cache BYTES    record cache of Kafka Streams, block and value cache of ours (default 67108864)
  --codec NAME     ${CODECS.join(', ')}: of input, state and output (default none)
  --warmups N      runs of Kafka Streams over the input before the one that is measured (default 1)
  --side NAME      peer or own: only one of them
  --cpu-prof DIR   writes CPU profiles of our side there, one of each thread and run
  --json           the results as lines of JSON
`
/** The broker is the same for both; it gets what its own guide recommends for a small machine. */
const BROKER_JVM = ['-Xms1g', '-Xmx1g', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20']
const BROKER_CONFIG = { 'num.network.threads': '3', 'num.io.threads': '8', 'log.cleaner.enable': 'true' }

interface Options extends MeasureOptions {
  readonly json: boolean
}

async function measure(options: Options): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-kafka-'))
  const classes = await buildPeer()
  const server = await KafkaServer.start(join(directory, 'broker'), { jvm: BROKER_JVM, config: BROKER_CONFIG })
  // A broker outlives whoever started it, unless it is told.
  const stop = (): void => void server.stop().finally(() => process.exit(143))
  process.once('SIGTERM', stop).once('SIGINT', stop)
  try {
    if (!options.json) console.log(HEADING)
    const measured = new Measure({ options, brokers: server.brokers, classes, directory })
    for (const test of options.cases) {
      for (const threads of options.threads) {
        const result = await measured.case(test, threads)
        console.log(options.json ? JSON.stringify(result) : describe(result))
      }
    }
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      case: { type: 'string', multiple: true, default: CASES.map(({ name }) => name) },
      rounds: { type: 'string', default: '5' },
      records: { type: 'string', default: '4000000' },
      threads: { type: 'string', default: '1' },
      cache: { type: 'string', default: String(64 << 20) },
      codec: { type: 'string', default: 'none' },
      warmups: { type: 'string', default: '1' },
      side: { type: 'string' },
      'cpu-prof': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const unknown = values.case.filter((name) => !CASES.some((each) => each.name === name))
  if (unknown.length > 0)
    throw new Error(`no case ${unknown.join(', ')}; there are: ${CASES.map(({ name }) => name).join(', ')}`)
  const codec = CODECS.find((each) => each === values.codec)
  if (codec === undefined) throw new Error(`no codec ${values.codec}; there are: ${CODECS.join(', ')}`)
  if (values.side !== undefined && values.side !== 'peer' && values.side !== 'own')
    throw new Error('--side is peer or own')
  const profile = values['cpu-prof']
  return {
    cases: CASES.filter(({ name }) => values.case.includes(name)),
    rounds: Number(values.rounds),
    records: Number(values.records),
    threads: values.threads.split(',').map(Number),
    cacheBytes: Number(values.cache),
    codec,
    warmups: Number(values.warmups),
    ownNode: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`],
    sides: values.side === undefined ? ['peer', 'own'] : [values.side],
    json: values.json,
  }
}

const options = readOptions()
if (options === null) console.log(HELP)
else {
  const missing = kafkaMissing()
  if (missing !== null) throw new Error(missing)
  await measure(options)
}
