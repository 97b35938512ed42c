import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { checkSums } from './sums-check.ts'
import { JobProcess, readTotals, runJob, sendPayments, SUMS, summaryOf, SumsBroker } from './support.ts'
import { untilOf } from './watched.ts'

const USERS = 20

describe('two owners of one job', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()

  it('C4: a process that stood still while another claimed its tasks is fenced, and has changed nothing', async () => {
    const sent = await sendPayments(broker.peer, 3000, USERS)
    const options = { dataDir: join(broker.root, 'a'), containers: 1, commit: { intervalMs: 20, timeoutMs: 300_000 } }
    // Two groups: membership keeps them apart in no way, and the brokers' fencing alone has to.
    const apart = { clusterGroup: 'sums.other' }
    const zombie = new JobProcess(SUMS, broker.server.brokers, options, { leaseMs: 120_000 })
    // It has committed once it has written; then it stops in the middle of its work.
    await untilOf(zombie, 'the first total', async () => (await broker.peer.dump('totals')).length > 0)
    zombie.child.kill('SIGSTOP')
    sent.push(...(await sendPayments(broker.peer, 3000, USERS, sent.length)))
    const second = { dataDir: join(broker.root, 'b'), commit: { intervalMs: 20 } }
    summaryOf(await runJob(SUMS, broker.server.brokers, second, {}, apart))
    checkSums(sent, await readTotals(broker.peer))
    zombie.child.kill('SIGCONT')
    // What it had in memory, and what it reads now, it tries to commit.
    sent.push(...(await sendPayments(broker.peer, 3000, USERS, sent.length)))
    assert.equal(await zombie.gone, 1, zombie.told)
    assert.match(zombie.told, /ERR_FENCED/)
    summaryOf(await runJob(SUMS, broker.server.brokers, second, {}, apart))
    checkSums(sent, await readTotals(broker.peer))
  })
})
