import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { checkSums } from './sums-check.ts'
import { readTotals, runJob, SCRIPT, sendPayments, SUMS, summaryOf, SumsBroker } from './support.ts'

const USERS = 20

describe('two owners of one job', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()

  it('C4: a process that stood still while another claimed its tasks is fenced, and has changed nothing', async () => {
    const sent = await sendPayments(broker.peer, 3000, USERS)
    const options = { dataDir: join(broker.root, 'a'), containers: 1, commit: { intervalMs: 20 } }
    const zombie = spawn(process.execPath, [SCRIPT, SUMS.href, broker.server.brokers, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let told = ''
    zombie.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
    const gone = new Promise<number | null>((resolve) => zombie.once('close', resolve))
    // It has committed once it has written; then it stops in the middle of its work.
    while ((await broker.peer.dump('totals')).length === 0) await sleep(20)
    zombie.kill('SIGSTOP')
    sent.push(...(await sendPayments(broker.peer, 3000, USERS, sent.length)))
    summaryOf(
      await runJob(SUMS, broker.server.brokers, { dataDir: join(broker.root, 'b'), commit: { intervalMs: 20 } }),
    )
    checkSums(sent, await readTotals(broker.peer))
    zombie.kill('SIGCONT')
    // What it had in memory, and what it reads now, it tries to commit.
    sent.push(...(await sendPayments(broker.peer, 3000, USERS, sent.length)))
    assert.equal(await gone, 1, told)
    assert.match(told, /ERR_FENCED/)
    summaryOf(
      await runJob(SUMS, broker.server.brokers, { dataDir: join(broker.root, 'b'), commit: { intervalMs: 20 } }),
    )
    checkSums(sent, await readTotals(broker.peer))
  })
})
