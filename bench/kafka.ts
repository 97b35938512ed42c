import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { KafkaServer, kafkaMissing } from '../scripts/lib/services/kafka.ts'
import { compare, type Comparison, describe, HEADING, type Round } from './kafka/compare.ts'
import { buildPeer, generate, runPeer, type SideResult } from './kafka/kafka-streams.ts'
import { ownSideMissing, runOwn } from './kafka/tidemark-side.ts'

const HELP = `usage: node scripts/run.mjs bench/kafka [OPTION]...

Tidemark and Kafka Streams over the same topics of one broker on this machine, exactly-once, a commit each second, the
same compression and size of cache, in turns: which goes first alternates. A line for each case; medians of the rounds.

  --case NAME      count-100k, count-4m or pass; may be repeated (default: all)
  --rounds N       default 5
  --records N      default 4000000
  --threads LIST   processing threads of each side: 1,2 (default 1)
  --cache BYTES    record cache of Kafka Streams, block and value cache of ours (default 67108864)
  --codec NAME     none, lz4, zstd: of input, state and output (default none)
  --side NAME      peer or own: only one of them
  --json           the results as lines of JSON
`
const PARTITIONS = 4
/** The broker is the same for both; it gets what its own guide recommends for a small machine. */
const BROKER_JVM = ['-Xms1g', '-Xmx1g', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20']
const BROKER_CONFIG = { 'num.network.threads': '3', 'num.io.threads': '8', 'log.cleaner.enable': 'true' }

interface Case {
  readonly name: string
  readonly job: 'count' | 'pass'
  readonly keys: number
}

const CASES: readonly Case[] = [
  { name: 'count-100k', job: 'count', keys: 100_000 },
  { name: 'count-4m', job: 'count', keys: 4_000_000 },
  { name: 'pass', job: 'pass', keys: 100_000 },
]

interface Options {
  readonly cases: readonly Case[]
  readonly rounds: number
  readonly records: number
  readonly threads: readonly number[]
  readonly cacheBytes: number
  readonly codec: string
  readonly sides: readonly ('peer' | 'own')[]
  readonly json: boolean
}

interface Setting {
  readonly options: Options
  readonly server: KafkaServer
  readonly classes: string
  readonly directory: string
}

let runs = 0

/** One run of one side, into an output topic and a directory of its own. */
async function runSide(side: 'peer' | 'own', test: Case, threads: number, setting: Setting): Promise<SideResult> {
  const { options, server, classes } = setting
  const name = `${side}-${++runs}`
  const directory = join(setting.directory, name)
  mkdirSync(directory)
  const { cacheBytes, codec } = options
  const more = {
    job: test.job,
    brokers: server.brokers,
    input: inputOf(test, options),
    output: `output-${name}`,
    cacheBytes,
    codec,
  }
  try {
    const result =
      side === 'peer'
        ? await runPeer(classes, { ...more, threads, stateDirectory: directory })
        : await runOwn({ ...more, containers: threads, directory })
    if (result.records !== options.records) {
      throw new Error(`${side} has processed ${result.records} records, not ${options.records}`)
    }
    return result
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Cases with the same keys share their input. */
const inputOf = ({ keys }: Case, { codec }: Options): string => `bench-input-${keys}-${codec}`

async function runCase(test: Case, threads: number, setting: Setting): Promise<Comparison> {
  const { options } = setting
  const rounds: Round[] = []
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? options.sides : [...options.sides].reverse()
    const results: { peer: SideResult | null; own: SideResult | null } = { peer: null, own: null }
    for (const side of order) {
      if (side === 'own' && ownSideMissing(test.job) !== null) continue
      results[side] = await runSide(side, test, threads, setting)
    }
    rounds.push(results)
  }
  return compare(test.name, threads, rounds)
}

async function measure(options: Options): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-kafka-'))
  const classes = await buildPeer()
  const server = await KafkaServer.start(join(directory, 'broker'), { jvm: BROKER_JVM, config: BROKER_CONFIG })
  const setting = { options, server, classes, directory }
  // A broker outlives whoever started it, unless it is told.
  const stop = (): void => void server.stop().finally(() => process.exit(143))
  process.once('SIGTERM', stop).once('SIGINT', stop)
  try {
    if (!options.json) console.log(HEADING)
    const filled = new Set<string>()
    for (const test of options.cases) {
      const topic = inputOf(test, options)
      if (!filled.has(topic)) {
        const { records, codec } = options
        await generate(
          classes,
          { brokers: server.brokers, topic, partitions: PARTITIONS },
          { records, keys: test.keys, codec },
        )
        filled.add(topic)
      }
      for (const threads of options.threads) {
        const result = await runCase(test, threads, setting)
        console.log(options.json ? JSON.stringify(result) : describe(result))
      }
      const missing = ownSideMissing(test.job)
      if (missing !== null && options.sides.includes('own')) console.log(`our side was not run: ${missing}`)
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
      side: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const unknown = values.case.filter((name) => !CASES.some((each) => each.name === name))
  if (unknown.length > 0)
    throw new Error(`no case ${unknown.join(', ')}; there are: ${CASES.map(({ name }) => name).join(', ')}`)
  if (values.side !== undefined && values.side !== 'peer' && values.side !== 'own')
    throw new Error('--side is peer or own')
  return {
    cases: CASES.filter(({ name }) => values.case.includes(name)),
    rounds: Number(values.rounds),
    records: Number(values.records),
    threads: values.threads.split(',').map(Number),
    cacheBytes: Number(values.cache),
    codec: values.codec,
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
