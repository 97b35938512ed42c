import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { kafkaMissing, KafkaServer } from '../../scripts/lib/services/kafka.ts'
import { type BenchJob, CASES } from './cases.ts'
import { buildPeer } from './kafka-streams.ts'
import { Measure } from './measure.ts'

const RECORDS = 6000
/** Here nothing is timed. */
const QUICK_JVM = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const skip = kafkaMissing() ?? false

suite('both sides of bench/kafka on one broker', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-kafka-'))
  let server: KafkaServer
  let measure: Measure
  before(async () => {
    server = await KafkaServer.start(join(directory, 'broker'))
    const options = {
      cases: [],
      rounds: 1,
      records: RECORDS,
      threads: [1],
      cacheBytes: 1 << 20,
      codec: 'lz4',
      warmups: 0,
      sides: ['peer', 'own'],
      peerJvm: QUICK_JVM,
    } as const
    measure = new Measure({ options, brokers: server.brokers, classes: await buildPeer(), directory })
  })
  after(async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  // `case` throws when a side has left something out, or when the outputs differ.
  for (const [job, keys] of [
    ['count', 200],
    ['pass', 200],
  ] as const satisfies readonly (readonly [BenchJob, number])[]) {
    test(`${job}: the outputs are the same, and both are measured`, async () => {
      assert.ok(CASES.some((each) => each.job === job))
      const result = await measure.case({ name: job, job, keys }, 1)
      assert.equal(result.records, RECORDS)
      assert.ok((result.peer?.perSecond ?? 0) > 0 && (result.own?.perCpuSecond ?? 0) > 0)
      assert.ok((result.cpuRatio ?? 0) > 0)
    })
  }
})
