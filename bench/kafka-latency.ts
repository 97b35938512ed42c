import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { connect, makeTopic } from '../packages/kafka/test/fetch/support.ts'
import { KafkaServer, kafkaMissing } from '../scripts/lib/services/kafka.ts'
import type { BenchJob } from './kafka/cases.ts'
import { type Delivery, measureLatency } from './kafka/latency.ts'

const HELP = `usage: node scripts/run.mjs bench/kafka-latency [OPTION]...

Latency from end to end, on Kafka: records come at a steady rate, a job with one container processes them, and a reader of
committed records waits for the outputs. From when a record was due to when its output was read, whole milliseconds. One
broker on this machine. Goals (design/05): exactly-once p99 at most the commit interval + 50 ms, at-least-once under 20 ms.

  --job NAME         pass or count; may be repeated (default: both)
  --commit LIST      commit intervals, ms (default 5,20,100)
  --delivery NAME    exactly-once or at-least-once; may be repeated (default: both)
  --rate N           records a second (default 10000)
  --warmup SECONDS   not measured (default 10)
  --seconds N        measured (default 30)
  --json             lines of JSON
`
const PARTITIONS = 4
const ALLOWED_MS = { 'exactly-once': 50, 'at-least-once': 20 }
const BROKER_JVM = ['-Xms1g', '-Xmx1g', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:TieredStopAtLevel=1']

const { values } = parseArgs({
  options: {
    job: { type: 'string', multiple: true, default: ['pass', 'count'] },
    commit: { type: 'string', default: '5,20,100' },
    delivery: { type: 'string', multiple: true, default: ['exactly-once', 'at-least-once'] },
    rate: { type: 'string', default: '10000' },
    warmup: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '30' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

/** What p99 is to stay below, ms. */
function goalMs(delivery: Delivery, commitMs: number): number {
  return ALLOWED_MS[delivery] + (delivery === 'exactly-once' ? commitMs : 0)
}

async function measure(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-latency-'))
  const server = await KafkaServer.start(join(directory, 'broker'), { jvm: BROKER_JVM })
  const stop = (): void => void server.stop().finally(() => process.exit(143))
  process.once('SIGTERM', stop).once('SIGINT', stop)
  const cluster = await connect(server.brokers)
  try {
    if (!values.json) console.log('job    delivery        commit ms   p50 ms   p99 ms   max ms   goal of p99')
    let runs = 0
    for (const job of values.job as BenchJob[]) {
      for (const delivery of values.delivery as Delivery[]) {
        for (const commitMs of values.commit.split(',').map(Number)) {
          const name = `latency-${++runs}`
          const [input, output] = [`${name}-in`, `${name}-out`]
          for (const topic of [input, output]) await makeTopic(cluster, topic, PARTITIONS)
          const seconds = [values.warmup, values.seconds].map((each) => Number(each) * 1000)
          const [warmupMs = 0, measuredMs = 0] = seconds
          const more = { job, delivery, commitMs, input, output, warmupMs, measuredMs, partitions: PARTITIONS }
          const place = { cluster, brokers: server.brokers, directory: join(directory, name) }
          const result = await measureLatency({ ...more, ...place, perSecond: Number(values.rate) })
          const goal = goalMs(delivery, commitMs)
          if (values.json) console.log(JSON.stringify({ job, delivery, commitMs, ...result, goalMs: goal }))
          else {
            const numbers = [commitMs, result.p50Ms, result.p99Ms, result.maxMs].map((each) => String(each).padStart(9))
            const verdict = result.p99Ms <= goal ? 'met' : 'MISSED'
            console.log(`${job.padEnd(6)} ${delivery.padEnd(14)} ${numbers.join('')}   ${goal} ms: ${verdict}`)
          }
        }
      }
    }
  } finally {
    cluster.close()
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

const missing = kafkaMissing()
if (values.help) console.log(HELP)
else if (missing === null) await measure()
else throw new Error(missing)
