import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it, type TestContext } from 'node:test'
import { kafkaMissing, KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import { FaultyProxy } from '../faults/faulty-proxy.ts'
import { JavaPeer } from '../java/java-peer.ts'
import type { Addition } from './sums-check.ts'
import { JobProcess, sendPayments, SUMS, untilSummed } from './support.ts'
import { untilOf } from './watched.ts'

const USERS = 20
const MOST_MS = 240_000
/** Payments come in so many parts. */
const PARTS = 10
const PAUSE_MS = 150

describe('a job whose connections fail', { skip: kafkaMissing() ?? false }, () => {
  const root = mkdtempSync(join(tmpdir(), 'tidemark-kafka-connections-'))
  const sent: Addition[] = []
  let proxy!: FaultyProxy
  let server: KafkaServer | null = null
  let peer!: JavaPeer
  let job: JobProcess | null = null

  before(async () => {
    proxy = await FaultyProxy.start(7)
    server = await KafkaServer.start(join(root, 'kafka'), { advertisedPorts: [proxy.port] })
    proxy.target = server.port()
    // Past the proxy: who checks the job must not fail with it.
    peer = await JavaPeer.start(server.direct)
    for (const topic of ['payments', 'totals']) await peer.createTopic(topic, 4)
    const options = { dataDir: join(root, 'data'), containers: 1, commit: { intervalMs: 100 }, maxRestarts: 1000 }
    job = new JobProcess(SUMS, server.brokers, options, { leaseMs: 600_000 })
    await send(400)
    await untilOf(job, 'the first total', async () => (await peer.dump('totals')).length > 0)
  })

  after(async () => {
    await job?.kill()
    await peer?.kill()
    await server?.stop()
    await proxy?.stop()
    rmSync(root, { recursive: true, force: true })
  })

  async function send(count: number): Promise<void> {
    sent.push(...(await sendPayments(peer, count, USERS, sent.length)))
  }

  async function steadily(count: number): Promise<void> {
    for (let part = 0; part < PARTS; part++) {
      await send(count / PARTS)
      await sleep(PAUSE_MS)
    }
  }

  /** Payments come while something is wrong, and when it is over all count once. */
  async function through(t: TestContext, wrong: () => Promise<void>, payments: number): Promise<void> {
    assert.ok(job !== null)
    const [told, connections, cuts] = [job.told.length, proxy.connections, proxy.cuts]
    const sending = steadily(payments)
    sending.catch(() => {})
    await wrong()
    await sending
    await proxy.heal()
    await untilSummed(peer, sent, job, MOST_MS)
    const said = job.told.slice(told).trim().slice(0, 400)
    t.diagnostic(`${proxy.cuts - cuts} cut, ${proxy.connections - connections} made anew. ${said}`)
  }

  it('C3 C6: cut at random, each after some bytes: every payment counts once', async (t) => {
    const { cuts } = proxy
    await through(
      t,
      async () => {
        proxy.cutAfter(30_000)
        await untilOf(job as JobProcess, 'ten cuts', () => proxy.cuts - cuts >= 10, MOST_MS)
      },
      3000,
    )
  })

  it('C3 C6: cut all at once, again and again', async (t) => {
    let cut = 0
    await through(
      t,
      async () => {
        for (let i = 0; i < 15; i++) {
          cut += proxy.cut(i % 3 === 0 ? 1 : 0.5)
          await sleep(150)
        }
      },
      2000,
    )
    assert.ok(cut >= 10, `${cut} connections were cut`)
  })

  it('slow, one after the other delayed and of few bytes a second', async (t) => {
    await through(
      t,
      async () => {
        proxy.delay(20, 40)
        proxy.throttle(100_000)
        await sleep(2000)
      },
      1000,
    )
  })

  it('C3 C6: refused for a while', async (t) => {
    await through(
      t,
      async () => {
        await proxy.refuse(true)
        proxy.cut()
        await sleep(2000)
      },
      1000,
    )
  })

  it('C3 C6: half-open: they stay, and what is sent is lost without a word', async (t) => {
    await through(
      t,
      async () => {
        proxy.swallow(true)
        await sleep(2000)
        proxy.swallow(false)
        // No request is given up before half a minute: until then there is nothing to look for.
        await sleep(27_000)
      },
      1000,
    )
  })
})
