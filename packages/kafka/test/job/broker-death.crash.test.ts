import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { JobProcess, sendPayments, SUMS, SumsBroker, untilSummed } from './support.ts'
import { untilOf } from './watched.ts'

const USERS = 20
const DEATHS = Number(process.env['BROKER_DEATHS'] ?? 3)

describe('a job whose broker dies', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()

  it(`C3 C6 C7: the broker is killed ${DEATHS} times under load and comes back: every payment counts once`, async (t) => {
    const options = { dataDir: join(broker.root, 'data'), containers: 1, commit: { intervalMs: 20 }, maxRestarts: 100 }
    // The lease is how long a job waits for brokers. On a busy machine each death may take half a minute, with little in between.
    const job = new JobProcess(SUMS, broker.server.brokers, options, { leaseMs: 600_000 })
    const sent = await sendPayments(broker.peer, 1000, USERS)
    // A run that finds no broker at its start says so and ends; this one has begun.
    await untilOf(job, 'the first total', async () => (await broker.peer.dump('totals')).length > 0)
    for (let death = 0; death < DEATHS; death++) {
      const sending = sendPayments(broker.peer, 4000, USERS, sent.length)
      await sleep(100 + 150 * death)
      await broker.server.restart()
      sent.push(...(await sending))
    }
    await untilSummed(broker.peer, sent, job, 240_000)
    await job.kill()
    t.diagnostic(job.told.trim() === '' ? 'the job noticed nothing' : job.told.trim().slice(0, 1000))
  })
})
