import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { checkSums } from './sums-check.ts'
import { readTotals, SCRIPT, sendPayments, SUMS, SumsBroker } from './support.ts'

const USERS = 20
const DEATHS = Number(process.env['TIDEMARK_BROKER_DEATHS'] ?? 3)
const DEADLINE_MS = 120_000

describe('a job whose broker dies', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()

  it(`C3 C6 C7: the broker is killed ${DEATHS} times under load and comes back: every payment counts once`, async (t) => {
    const options = { dataDir: join(broker.root, 'data'), containers: 1, commit: { intervalMs: 20 }, maxRestarts: 100 }
    const job = spawn(process.execPath, [SCRIPT, SUMS.href, broker.server.brokers, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let told = ''
    let ended = false
    job.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
    job.once('close', () => (ended = true))
    const sent = await sendPayments(broker.peer, 1000, USERS)
    // A run that finds no broker at its start says so and ends; this one has begun.
    while ((await broker.peer.dump('totals')).length === 0) {
      assert.ok(!ended, `the run has ended:\n${told}`)
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
      assert.ok(!ended, `the run has ended:\n${told}`)
      await sleep(200)
      totals = await readTotals(broker.peer)
    }
    const gone = new Promise<number | null>((resolve) => job.once('close', resolve))
    job.kill('SIGKILL')
    await gone
    t.diagnostic(told.trim() === '' ? 'the job noticed nothing' : told.trim().slice(0, 1000))
    checkSums(sent, await readTotals(broker.peer))
  })
})
