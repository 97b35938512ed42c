import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, describe, it } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { mountSmall } from '../../../tidemark/test/disk/small-disk.ts'
import type { Addition } from './sums-check.ts'
import { JobProcess, sendPayments, SUMS, SumsBroker, untilSummed } from './support.ts'
import { untilOf } from './watched.ts'

const USERS = 20
const DEATHS = Number(process.env['BROKER_DEATHS'] ?? 2)
const MOST_MS = 240_000

describe('a job whose broker dies', { skip: kafkaMissing() ?? false }, () => {
  let job: JobProcess | null = null
  let mounted: string | null = null
  // Before the hook that removes the directory.
  after(async () => {
    await job?.kill()
    // Whoever still has files there keeps it until its end.
    if (mounted !== null) execFileSync('umount', ['--lazy', mounted])
  })
  const broker = new SumsBroker({})
  // What the broker writes has a small disk of its own, where that can be had.
  const disk = join(broker.root, 'kafka', 'data-1')
  mkdirSync(join(broker.root, 'kafka'))
  const noDisk = kafkaMissing() ?? mountSmall(disk, '128m')
  if (noDisk === null) mounted = disk
  const sent: Addition[] = []

  it(`C3 C6 C7: the broker is killed ${DEATHS} times under load and comes back: every payment counts once`, async (t) => {
    const options = { dataDir: join(broker.root, 'data'), containers: 1, commit: { intervalMs: 20 }, maxRestarts: 100 }
    // The lease is how long a job waits for brokers. On a busy machine each death may take half a minute, with little in between.
    job = new JobProcess(SUMS, broker.server.brokers, options, { leaseMs: 600_000 })
    sent.push(...(await sendPayments(broker.peer, 1000, USERS)))
    // A run that finds no broker at its start says so and ends; this one has begun.
    await untilOf(job, 'the first total', async () => (await broker.peer.dump('totals')).length > 0)
    for (let death = 0; death < DEATHS; death++) {
      const sending = sendPayments(broker.peer, 4000, USERS, sent.length)
      await sleep(100 + 150 * death)
      await broker.server.restart()
      sent.push(...(await sending))
    }
    await untilSummed(broker.peer, sent, job, MOST_MS)
    t.diagnostic(job.told.trim() === '' ? 'the job noticed nothing' : job.told.trim().slice(0, 1000))
  })

  it('C3 C6 C7: the broker ends by a full disk and is started again when there is room: every payment counts once', {
    skip: noDisk ?? false,
  }, async (t) => {
    assert.ok(job !== null)
    const before = job.told.length
    const ballast = join(disk, 'ballast')
    fill(ballast)
    const sending = sendPayments(broker.peer, 4000, USERS, sent.length)
    sending.catch(() => {})
    // One that has no directory left that it can write to ends itself (exit code 1), within seconds.
    await untilOf(job, 'the broker to end', () => !broker.server.runs(), MOST_MS)
    rmSync(ballast)
    await broker.server.restart()
    sent.push(...(await sending))
    await untilSummed(broker.peer, sent, job, MOST_MS)
    t.diagnostic(job.told.slice(before).trim().slice(0, 1000))
  })
})

/** Takes all the room that there is where the file is. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let size = 1 << 20; size >= 512; size /= 2) while (wrote(file, size));
  } finally {
    closeSync(file)
  }
}

function wrote(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size)) === size
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    return false
  }
}
