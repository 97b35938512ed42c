import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { BULK_STEPS } from '../../../tidemark/src/runtime/base-loader.ts'
import { type Addition, checkSums } from './sums-check.ts'
import { assertWhole, readTotals, runJob, sendPayments, SUMS, summaryOf, SumsBroker } from './support.ts'

/** So many that each task's state comes in bulk. */
const USERS = 44_000

describe('a large state on Kafka', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()
  const sent: Addition[] = []
  const options = { dataDir: join(broker.root, 'data'), commit: { intervalMs: 100 } }
  const state = join(options.dataDir, 'state')

  it('is written', async () => {
    sent.push(...(await sendPayments(broker.peer, USERS, USERS)))
    const { state: counted } = summaryOf(await runJob(SUMS, broker.server.brokers, options))
    assert.equal(counted?.entries, USERS)
  })

  for (const [i, step] of BULK_STEPS.slice(1).entries()) {
    it(`C6 C8: killed at ${step} as it is restored in bulk, it is restored by the next start`, async () => {
      rmSync(state, { recursive: true })
      const killed = await runJob(SUMS, broker.server.brokers, options, { failpoint: `${step}:${i + 1}` })
      assert.equal(killed.signal, 'SIGKILL', killed.stderr)
      assert.ok(existsSync(state) && readdirSync(state).length > 0, 'there are files that are of no use')
      sent.push(...(await sendPayments(broker.peer, 100, USERS, sent.length)))
      const end = summaryOf(await runJob(SUMS, broker.server.brokers, options))
      assert.equal(end.records, 100)
      assertWhole(end, USERS)
    })
  }

  it('comes to another machine, and what follows builds on it', async () => {
    const elsewhere = { ...options, dataDir: join(broker.root, 'elsewhere') }
    sent.push(...(await sendPayments(broker.peer, 100, USERS, sent.length)))
    const end = summaryOf(await runJob(SUMS, broker.server.brokers, elsewhere))
    assert.equal(end.records, 100)
    assertWhole(end, USERS)
    // Again: the files say up to where they go.
    const again = await runJob(SUMS, broker.server.brokers, elsewhere)
    assert.doesNotMatch(again.stderr, /is restored/)
    assert.equal(summaryOf(again).records, 0)
  })

  it('C8: files that are far behind are caught up with in bulk', async () => {
    sent.push(...(await sendPayments(broker.peer, USERS, USERS, sent.length)))
    const elsewhere = { ...options, dataDir: join(broker.root, 'elsewhere') }
    summaryOf(await runJob(SUMS, broker.server.brokers, elsewhere))
    sent.push(...(await sendPayments(broker.peer, 100, USERS, sent.length)))
    const end = await runJob(SUMS, broker.server.brokers, options)
    assert.doesNotMatch(end.stderr, /are removed/, 'the files of the first machine were gone on from')
    const summary = summaryOf(end)
    assert.equal(summary.records, 100)
    assertWhole(summary, USERS)
    checkSums(sent, await readTotals(broker.peer))
  })
})
