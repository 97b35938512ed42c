import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { checkSums } from './sums-check.ts'
import { JobProcess, readTotals, sendPayments, SUMS, SumsBroker } from './support.ts'

const USERS = 20
const DEATHS = Number(process.env['TIDEMARK_BROKER_DEATHS'] ?? 3)
const DEADLINE_MS = 120_000

describe('a job whose broker dies', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()

  it(`C3 C6 C7: the broker is killed ${DEATHS} times under load and comes back: every payment counts once`, async (t) => {
    const options = { dataDir: join(broker.root, 'data'), containers: 1, commit: { intervalMs: 20 }, maxRestarts: 100 }
    // A broker on a busy machine may be away for longer than the shortest lease.
    const job = new JobProcess(SUMS, broker.server.brokers, options, { leaseMs: 60_000 })
    const sent = await sendPayments(broker.peer, 1000, USERS)
    // A run that finds no broker at its start says so and ends; this one has begun.
    while ((await broker.peer.dump('totals')).length === 0) {
      assert.ok(!job.ended, `the run has ended:\n${job.told}`)
      await sleep(50)
    }
    for (let death = 0; death < DEATHS; death++) {
      const sending = sendPayments(broker.peer, 4000, USERS, sent.length)
      await sleep(100 + 150 * death)
      await broker.server.restart()
      sent.push(...(await sending))
    }
    const untilMs = performance.now() + DEADLINE_MS
    let totals = await readTotals(broker.peer)
    while (totals.length < sent.length && performance.now() < untilMs) {
      assert.ok(!job.ended, `the run has ended:\n${job.told}`)
      await sleep(200)
      totals = await readTotals(broker.peer)
    }
    await job.kill()
    t.diagnostic(job.told.trim() === '' ? 'the job noticed nothing' : job.told.trim().slice(0, 1000))
    checkSums(sent, await readTotals(broker.peer))
  })
})
