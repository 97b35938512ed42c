import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { kafka } from '@tidemark/kafka'
import {
  type App,
  defineJob,
  type Job,
  json,
  kv,
  run,
  type RunOptions,
  type StreamDef,
  stream,
  string,
  uint,
} from 'tidemark'
import { until } from '../../../tidemark/test/until.ts'
import type { SuiteBroker } from '../suite-broker.ts'

interface Visit {
  readonly page: string
}

/** A job with a topic of each use, of its own. */
interface Sample {
  readonly name: string
  readonly job: Job
  readonly visits: StreamDef<string, Visit>
  readonly counts: string
}

function sample(name: string): Sample {
  const visits = stream(`${name}-visits`, { key: string(), value: json<Visit>(), partitions: 1 })
  const counts = stream(`${name}-counts`, { key: string(), value: uint(), partitions: 1 })
  const counted = kv('counted', { key: string(), value: uint() })
  const job = defineJob(name, (from) =>
    from
      .from(visits)
      .groupBy((visit) => visit.page)
      .aggregate(counted, { init: () => 0, add: (count) => count + 1 })
      .to(counts),
  )
  return { name, job, visits, counts: `${name}-counts` }
}

const PAGES = 5

/** What the run of a job says when one of its topics is deleted, for each use of a topic. */
const CASES = [
  {
    use: 'input',
    topic: (name: string) => `${name}-visits`,
    says: /an input of job gone-input, .*Make the topic .*start the job anew/,
  },
  {
    use: 'output',
    topic: (name: string) => `${name}-counts`,
    says: /an output of job gone-output, .*it goes on where it stood/,
  },
  {
    use: 'intermediate',
    topic: (name: string) => `${name}.1.groupBy-1.repartition`,
    says: /a stream between steps .*tidemark reset/,
  },
  {
    use: 'state',
    topic: (name: string) => `${name}.1.state`,
    says: /the state of job gone-state, .*State and positions .*reset/,
  },
] as const

/** Topics that are deleted under jobs that run. */
export function deletedTopics(broker: SuiteBroker): void {
  const begin = ({ name, job }: Sample, options: RunOptions = {}): Promise<App> => {
    const system = kafka({ brokers: broker.server.brokers.split(','), leaseMs: 60_000 })
    return run(job, { system, dataDir: join(broker.root, name), commit: { intervalMs: 50 }, ...options })
  }
  const visit = async (app: App, { visits }: Sample, from: number): Promise<void> => {
    for (let i = from; i < from + PAGES; i++)
      await app.send(visits, { key: `v-${i}`, value: { page: `p-${i % PAGES}` } })
  }
  const countsOf = async ({ counts }: Sample): Promise<number> => (await broker.peer.dump(counts)).length

  it('ERR_KAFKA_TOPIC_MISSING: a topic that is deleted under a job ends it, is named, and what to do', async () => {
    await Promise.all(
      CASES.map(async ({ use, topic, says }) => {
        const of = sample(`gone-${use}`)
        const app = await begin(of)
        await visit(app, of, 0)
        await until(`${use}: all are counted`, async () => (await countsOf(of)) === PAGES)
        await broker.peer.deleteTopic(topic(of.name))
        // Tasks that have something to do meet it as well; whoever is first, the run says the same.
        if (use !== 'input') await visit(app, of, PAGES).catch(() => {})
        await assert.rejects(app.done, (error: Error & { readonly code?: string }) => {
          assert.equal(error.code, 'ERR_KAFKA_TOPIC_MISSING', error.message)
          assert.ok(error.message.includes(topic(of.name)), error.message)
          assert.match(error.message, says)
          return true
        })
      }),
    )
  })

  it('C3 C6: behind an output that was deleted the job goes on where it stood, and counts nothing twice', async () => {
    const of = sample('gone-output')
    const app = await begin(of)
    await visit(app, of, 2 * PAGES)
    await until('the third of each is counted', async () => {
      return (await broker.peer.dump(of.counts)).filter(({ value }) => countOf(value) === 3).length === PAGES
    })
    await app.drain()
    const counts = (await broker.peer.dump(of.counts)).map(({ value }) => countOf(value))
    assert.deepEqual(
      counts.toSorted((a, b) => a - b),
      Array.from({ length: 2 * PAGES }, (_, i) => (i < PAGES ? 2 : 3)),
      'those that were not committed before, once each',
    )
  })

  it('ERR_OFFSET_OUT_OF_RANGE: a job does not go on behind what was lost between its steps', async () => {
    // The first start makes the topic, which is there for the second.
    for (let start = 0; start < 2; start++) {
      await assert.rejects(begin(sample('gone-intermediate')), {
        code: 'ERR_OFFSET_OUT_OF_RANGE',
        message: /groupBy-1\.repartition", partition 0, up to offset \d+, and the stream ends at 0.*tidemark reset/,
      })
    }
  })
}

function countOf(value: Buffer | null): number {
  return value === null ? Number.NaN : uint().read(value, 0, value.length)
}
