import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { COMMIT_FAILPOINTS } from '../../../tidemark/src/runtime/committer.ts'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { type Addition, checkSums } from './sums-check.ts'
import { assertWhole, readTotals, runJob, sendPayments, SUMS, SUMS_EARLY, summaryOf, SumsBroker } from './support.ts'

/** Each commit step so many times, at another passing each time; KILL_ROUNDS makes it more. */
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 1)
const PAYMENTS = 6000
const USERS = 40

describe('a job on Kafka that is killed', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()
  const sent: Addition[] = []

  const options = { dataDir: join(broker.root, 'data'), commit: { intervalMs: 20 }, recentMaxBytes: 1024 }

  it('C2 C3 C6: kill -9 at each step of a commit: every payment is counted once, none is lost', async () => {
    let killed = 0
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, point] of COMMIT_FAILPOINTS.entries()) {
        sent.push(...(await sendPayments(broker.peer, PAYMENTS / COMMIT_FAILPOINTS.length, USERS, sent.length)))
        const end = await runJob(SUMS, broker.server.brokers, options, {
          failpoint: `${point}:${1 + ((i + round) % 4)}`,
        })
        if (end.signal === 'SIGKILL') killed++
        else summaryOf(end)
      }
    }
    assert.ok(
      killed >= ROUNDS * COMMIT_FAILPOINTS.length * 0.7,
      `${killed} runs of ${ROUNDS * COMMIT_FAILPOINTS.length} were killed`,
    )
    summaryOf(await runJob(SUMS, broker.server.brokers, options))
    checkSums(sent, await readTotals(broker.peer))
    const again = summaryOf(await runJob(SUMS, broker.server.brokers, options))
    assert.equal(again.records, 0, 'nothing is left')
    assertWhole(again, USERS)
  })

  it('C8: state that is gone comes back from the state topic, and what follows builds on it', async () => {
    rmSync(join(options.dataDir, 'state'), { recursive: true })
    sent.push(...(await sendPayments(broker.peer, 400, USERS, sent.length)))
    summaryOf(await runJob(SUMS, broker.server.brokers, options))
    checkSums(sent, await readTotals(broker.peer))
    // Another machine: nothing is there at all.
    sent.push(...(await sendPayments(broker.peer, 400, USERS, sent.length)))
    const elsewhere = summaryOf(
      await runJob(SUMS, broker.server.brokers, { ...options, dataDir: join(broker.root, 'elsewhere') }),
    )
    assert.equal(elsewhere.records, 400)
    checkSums(sent, await readTotals(broker.peer))
    // The first machine again, whose files are behind now.
    sent.push(...(await sendPayments(broker.peer, 400, USERS, sent.length)))
    summaryOf(await runJob(SUMS, broker.server.brokers, options))
    checkSums(sent, await readTotals(broker.peer))
  })

  it('C6 C8: killed under at-least-once: no payment is lost, totals may come twice, the state is exact', async () => {
    await broker.peer.createTopic('totals-early', 4)
    // Long enough for outputs to be there before the commit that they belong to: not the first of each of the four tasks, which
    // only repartitions, but the second.
    const commit = { intervalMs: 500 }
    const early = { ...options, commit, dataDir: join(broker.root, 'early'), delivery: 'at-least-once' } as const
    let killed = 0
    for (const point of ['commit-before-decide:7', 'commit-after-decide:1']) {
      const end = await runJob(SUMS_EARLY, broker.server.brokers, early, { failpoint: point })
      if (end.signal === 'SIGKILL') killed++
      else summaryOf(end)
    }
    assert.equal(killed, 2)
    assertWhole(summaryOf(await runJob(SUMS_EARLY, broker.server.brokers, early)), USERS)
    const totals = await readTotals(broker.peer, 'totals-early')
    const seen = new Set<string>()
    const once = totals.filter(({ key, total }) => {
      const name = `${key} ${total}`
      return !seen.has(name) && seen.add(name) !== null
    })
    checkSums(sent, once)
    assert.ok(once.length < totals.length, 'what was sent before a commit that came to nothing was sent again')
  })

  it('lag monitors find where the job stands', async () => {
    const offsets = await broker.peer.groupOffsets('sums')
    assert.deepEqual(
      offsets.map(({ topic }) => topic),
      Array.from({ length: 4 }, () => 'payments'),
    )
    assert.equal(
      offsets.reduce((sum, { offset }) => sum + offset, 0),
      sent.length,
    )
  })
})
