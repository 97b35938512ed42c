import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { uint } from 'tidemark'
import { kafkaMissing, KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import { type Addition, checkSums } from './sums-check.ts'
import { JavaPeer } from '../java/java-peer.ts'
import { readTotals, runJob, sendPayments, SUMS, summaryOf } from './support.ts'

const POINTS = [
  'commit-before-freeze',
  'commit-after-freeze',
  'commit-before-decide',
  'commit-after-decide',
  'commit-after-apply',
  'flush-before',
  'flush-after',
]
/** Each commit step so many times, at another passing each time; TIDEMARK_KILL_ROUNDS makes it more. */
const ROUNDS = Number(process.env['TIDEMARK_KILL_ROUNDS'] ?? 1)
const PAYMENTS = 6000
const USERS = 40

describe('a job on Kafka that is killed', { skip: kafkaMissing() ?? false }, () => {
  const root = mkdtempSync(join(tmpdir(), 'tidemark-kafka-kill-'))
  let server: KafkaServer
  let peer: JavaPeer
  const sent: Addition[] = []

  before(async () => {
    server = await KafkaServer.start(join(root, 'kafka'))
    peer = await JavaPeer.start(server.brokers)
    await peer.createTopic('payments', 4)
    await peer.createTopic('totals', 4)
  })

  after(async () => {
    await peer.kill()
    await server.stop()
    rmSync(root, { recursive: true, force: true })
  })

  const options = { dataDir: join(root, 'data'), commit: { intervalMs: 20 }, recentMaxBytes: 1024 }

  it('C2 C3 C6: kill -9 at each step of a commit: every payment is counted once, none is lost', async () => {
    let killed = 0
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, point] of POINTS.entries()) {
        sent.push(...(await sendPayments(peer, PAYMENTS / POINTS.length, USERS, sent.length)))
        const end = await runJob(SUMS, server.brokers, options, { failpoint: `${point}:${1 + ((i + round) % 4)}` })
        if (end.signal === 'SIGKILL') killed++
        else summaryOf(end)
      }
    }
    assert.ok(killed >= ROUNDS * POINTS.length * 0.7, `${killed} runs of ${ROUNDS * POINTS.length} were killed`)
    summaryOf(await runJob(SUMS, server.brokers, options))
    checkSums(sent, await readTotals(peer, decode))
    const again = summaryOf(await runJob(SUMS, server.brokers, options))
    assert.equal(again.records, 0, 'nothing is left')
    assert.equal(again.state?.entries, USERS)
  })

  it('C8: state that is gone comes back from the state topic, and what follows builds on it', async () => {
    rmSync(join(options.dataDir, 'state'), { recursive: true })
    sent.push(...(await sendPayments(peer, 400, USERS, sent.length)))
    summaryOf(await runJob(SUMS, server.brokers, options))
    checkSums(sent, await readTotals(peer, decode))
    // Another machine: nothing is there at all.
    sent.push(...(await sendPayments(peer, 400, USERS, sent.length)))
    const elsewhere = summaryOf(await runJob(SUMS, server.brokers, { ...options, dataDir: join(root, 'elsewhere') }))
    assert.equal(elsewhere.records, 400)
    checkSums(sent, await readTotals(peer, decode))
    // The first machine again, whose files are behind now.
    sent.push(...(await sendPayments(peer, 400, USERS, sent.length)))
    summaryOf(await runJob(SUMS, server.brokers, options))
    checkSums(sent, await readTotals(peer, decode))
  })

  it('lag monitors find where the job stands', async () => {
    const offsets = await peer.groupOffsets('sums')
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

function decode(bytes: Uint8Array): number {
  return uint().read(bytes, 0, bytes.length)
}
