import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { KafkaServer, kafkaMissing } from '../scripts/lib/services/kafka.ts'
import { buildPeer, generate } from './kafka/kafka-streams.ts'
import { runOwn } from './kafka/tidemark-side.ts'

const HELP = `usage: node scripts/run.mjs bench/kafka-restore [OPTION]...

Counts a topic by key, then starts once more without the local state: how fast the records were processed, and how fast the
records of the state topic came back into files. One broker on this machine, a commit each second.

  --records N   default 2000000
  --keys N      default 1000000
  --threads N   containers (default 1)
  --json        one line of JSON
`
const PARTITIONS = 4

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    keys: { type: 'string', default: '1000000' },
    threads: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

async function measure(): Promise<void> {
  const [records, keys, containers] = [values.records, values.keys, values.threads].map(Number) as [
    number,
    number,
    number,
  ]
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-restore-'))
  const classes = await buildPeer()
  const server = await KafkaServer.start(join(directory, 'broker'))
  const own = join(directory, 'own')
  mkdirSync(own)
  try {
    const topic = 'bench-input'
    await generate(
      classes,
      { brokers: server.brokers, topic, partitions: PARTITIONS },
      { records, keys, codec: 'none' },
    )
    const run = { job: 'count', brokers: server.brokers, input: topic, output: 'bench-output', codec: 'none' } as const
    const more = { ...run, containers, cacheBytes: 64 << 20, directory: own }
    const first = await runOwn(more)
    rmSync(join(own, 'data', 'state'), { recursive: true })
    const second = await runOwn(more)
    const result = {
      records: first.records,
      keys,
      containers,
      processedPerSecond: Math.round(first.records / first.seconds),
      restoredMs: second.restoredMs,
      keysRestoredPerSecond: Math.round((keys * 1000) / second.restoredMs),
    }
    if (values.json) console.log(JSON.stringify(result))
    else {
      console.log(`processed ${result.processedPerSecond} records/s`)
      console.log(`restored ${keys} keys in ${result.restoredMs} ms: ${result.keysRestoredPerSecond} keys/s`)
      console.log(`${(result.keysRestoredPerSecond / result.processedPerSecond).toFixed(2)} times as fast`)
    }
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

const missing = kafkaMissing()
if (values.help) console.log(HELP)
else if (missing === null) await measure()
else throw new Error(missing)
