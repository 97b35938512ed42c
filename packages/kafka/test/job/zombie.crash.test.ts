import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'node:test'
import { uint } from 'tidemark'
import { kafkaMissing, KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import { JavaPeer } from '../java/java-peer.ts'
import { checkSums } from './sums-check.ts'
import { readTotals, runJob, SCRIPT, sendPayments, SUMS, summaryOf } from './support.ts'

const USERS = 20

describe('two owners of one job', { skip: kafkaMissing() ?? false }, () => {
  const root = mkdtempSync(join(tmpdir(), 'tidemark-kafka-zombie-'))
  let server: KafkaServer
  let peer: JavaPeer

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

  it('C4: a process that stood still while another claimed its tasks is fenced, and has changed nothing', async () => {
    const sent = await sendPayments(peer, 3000, USERS)
    const options = { dataDir: join(root, 'a'), containers: 1, commit: { intervalMs: 20 } }
    const zombie = spawn(process.execPath, [SCRIPT, SUMS.href, server.brokers, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let told = ''
    zombie.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
    const gone = new Promise<number | null>((resolve) => zombie.once('close', resolve))
    // It has committed once it has written; then it stops in the middle of its work.
    while ((await peer.dump('totals')).length === 0) await sleep(20)
    zombie.kill('SIGSTOP')
    sent.push(...(await sendPayments(peer, 3000, USERS, sent.length)))
    summaryOf(await runJob(SUMS, server.brokers, { dataDir: join(root, 'b'), commit: { intervalMs: 20 } }))
    checkSums(sent, await readTotals(peer, (bytes) => uint().read(bytes, 0, bytes.length)))
    zombie.kill('SIGCONT')
    // What it had in memory, and what it reads now, it tries to commit.
    sent.push(...(await sendPayments(peer, 3000, USERS, sent.length)))
    assert.equal(await gone, 1, told)
    assert.match(told, /ERR_FENCED/)
    summaryOf(await runJob(SUMS, server.brokers, { dataDir: join(root, 'b'), commit: { intervalMs: 20 } }))
    checkSums(sent, await readTotals(peer, (bytes) => uint().read(bytes, 0, bytes.length)))
  })
})
