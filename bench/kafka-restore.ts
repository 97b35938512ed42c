import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from 'tidemark/system'
import { partitionOffsets } from '../packages/kafka/src/host/partition-offsets.ts'
import { connect } from '../packages/kafka/test/fetch/support.ts'
import { KafkaServer, kafkaMissing } from '../scripts/lib/services/kafka.ts'
import { median } from './kafka/compare.ts'
import { buildPeer, generate } from './kafka/kafka-streams.ts'
import { type OwnResult, runOwn } from './kafka/tidemark-side.ts'

const HELP = `usage: node scripts/run.mjs bench/kafka-restore [OPTION]...

Counts a topic by key, then starts again with its local state and without: how long the records took to be processed, and
how long the state took to come back from the state topic. Processing is from the first record to the last commit, restoring
from when the container's thread begins to when its tasks are open, less what that takes when nothing has to be restored.
CPU is that of whole processes, less that of one with nothing to do. One broker on this machine, a commit each second.

  --records N      default 2000000
  --keys N         default 1000000
  --threads N      containers (default 1)
  --rounds N       restarts of each kind; medians count (default 3)
  --cpu-prof DIR   writes CPU profiles of the restoring process there
  --json           one line of JSON
`
const PARTITIONS = 4
/** design/05 and the brief of issue 5: restoring against processing. */
const GOAL = 5

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000000' },
    keys: { type: 'string', default: '1000000' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    'cpu-prof': { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

interface Runs {
  readonly processed: OwnResult
  /** Started again with nothing to do. */
  readonly idle: readonly OwnResult[]
  /** Started again without local state. */
  readonly restored: readonly OwnResult[]
  /** Records of the state topic, markers among them. */
  readonly stateRecords: number
}

async function measure(): Promise<Runs> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-restore-'))
  const [records, keys, containers, rounds] = [values.records, values.keys, values.threads, values.rounds].map(Number)
  const classes = await buildPeer()
  const server = await KafkaServer.start(join(directory, 'broker'))
  const stop = (): void => void server.stop().finally(() => process.exit(143))
  process.once('SIGTERM', stop).once('SIGINT', stop)
  const own = join(directory, 'own')
  mkdirSync(own)
  try {
    const { brokers } = server
    const topic = 'bench-input'
    const what = { records: records as number, keys: keys as number, codec: 'none' }
    await generate(classes, { brokers, topic, partitions: PARTITIONS }, what)
    const run = { job: 'count', brokers, input: topic, output: 'bench-output', codec: 'none', directory: own } as const
    const more = { ...run, containers: containers as number, cacheBytes: 64 << 20 }
    const profile = values['cpu-prof']
    const node = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profile)}`]
    const processed = await runOwn(more)
    const idle: OwnResult[] = []
    const restored: OwnResult[] = []
    for (let i = 0; i < (rounds as number); i++) {
      idle.push(await runOwn(more))
      rmSync(join(own, 'data', 'state'), { recursive: true })
      restored.push(await runOwn({ ...more, node }))
    }
    return { processed, idle, restored, stateRecords: await stateRecords(brokers) }
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function stateRecords(brokers: string): Promise<number> {
  const cluster = await connect(brokers)
  try {
    const places = Array.from({ length: PARTITIONS }, (_, partition) => ({
      topic: 'bench-count-bench-output.1.state',
      partition,
    }))
    const offsets = await partitionOffsets(cluster, places, (ms) => systemClock.sleep(ms))
    return offsets.reduce((sum, { start, end }) => sum + end - start, 0)
  } finally {
    cluster.close()
  }
}

function show({ processed, idle, restored, stateRecords: state }: Runs): void {
  const startMs = median(idle.map(({ restoredMs }) => restoredMs))
  const withStartMs = median(restored.map(({ restoredMs }) => restoredMs))
  const aloneMs = Math.max(1, withStartMs - startMs)
  const idleCpu = median(idle.map(({ cpuSeconds }) => cpuSeconds))
  const processCpu = processed.cpuSeconds - idleCpu
  const restoreCpu = median(restored.map(({ cpuSeconds }) => cpuSeconds)) - idleCpu
  const result = {
    records: processed.records,
    processedMs: Math.round(processed.seconds * 1000),
    stateRecords: state,
    aloneMs,
    withStartMs,
    wallRatio: (processed.seconds * 1000) / aloneMs,
    wallRatioWithStart: (processed.seconds * 1000) / withStartMs,
    cpuRatio: processCpu / restoreCpu,
    processCpuSeconds: processCpu,
    restoreCpuSeconds: restoreCpu,
  }
  if (values.json) return console.log(JSON.stringify(result))
  const rate = (count: number, ms: number): string => `${Math.round(count / ms)} k/s`
  console.log(
    `processed ${processed.records} records in ${result.processedMs} ms: ${rate(processed.records, result.processedMs)}`,
  )
  console.log(
    `restored ${state} records of state in ${aloneMs} ms: ${rate(state, aloneMs)}; with the start ${withStartMs} ms`,
  )
  console.log(`CPU ${processCpu.toFixed(2)} s and ${restoreCpu.toFixed(2)} s`)
  const ratios = [result.wallRatio, result.wallRatioWithStart, result.cpuRatio].map((each) => each.toFixed(2))
  const verdict = result.wallRatio >= GOAL ? 'met' : 'MISSED'
  console.log(
    `restoring takes 1/${ratios[0]} of the time (with the start 1/${ratios[1]}), 1/${ratios[2]} of the CPU; goal ${GOAL}: ${verdict}`,
  )
}

const missing = kafkaMissing()
if (values.help) console.log(HELP)
else if (missing === null) show(await measure())
else throw new Error(missing)
