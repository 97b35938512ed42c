import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Tidemark, tidemark } from '../../../tidemark/test/cli/spawn.ts'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { type Addition, checkSums } from './sums-check.ts'
import { JobProcess, readTotals, runJob, sendPayments, SUMS, summaryOf, SumsBroker, untilSummed } from './support.ts'
import { untilSays, type Watched, within } from './watched.ts'

/** A command as something to wait for. */
function watched(command: Tidemark): Watched {
  return {
    get ended() {
      return command.child.exitCode !== null || command.child.signalCode !== null
    },
    get told() {
      return command.error
    },
  }
}

const USERS = 20
const PAYMENTS = 400
const LEASE_MS = 6000
/** Nobody waits for it to end: a test that took so long would have waited. */
const LONG_LEASE_MS = 60_000
/** Beyond the lease: the goal is 2 s, and what was measured is printed; a busy machine has taken 21 s, other ways take a minute. */
const TAKEOVER_MS = 45_000

describe('several processes of one job', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker({})
  const sent: Addition[] = []
  const all: JobProcess[] = []
  const commands: Tidemark[] = []

  after(async () => {
    for (const { child } of commands) child.kill('SIGKILL')
    await Promise.all(all.map((each) => each.kill()))
  })

  function start(dataDir: string, leaseMs = LEASE_MS, untilEnd = false): JobProcess {
    const options = { dataDir: join(broker.root, dataDir), untilEnd }
    const started = new JobProcess(SUMS, broker.server.brokers, options, { leaseMs })
    all.push(started)
    return started
  }

  /** Settles when all that was sent is summed, exactly, by a run that goes on. */
  const summed = (by: Watched): Promise<void> => untilSummed(broker.peer, sent, by)

  async function send(): Promise<void> {
    sent.push(...(await sendPayments(broker.peer, PAYMENTS, USERS, sent.length)))
  }

  async function resume(t: TestContext): Promise<void> {
    if (!(await broker.server.resume()))
      t.diagnostic('the broker did not serve after its standstill, and was started anew')
  }

  let runs: JobProcess
  let spare: JobProcess

  it('C4: the second waits and says who runs; it takes over when the first is killed, and every result is there once', async (t) => {
    runs = start('a')
    await runs.begun
    await send()
    spare = start('b')
    await spare.says(/job sums is run by process \d+ on .* waits as a spare/)
    assert.match(spare.told, new RegExp(`process ${runs.child.pid} on`))
    await summed(runs)
    await send()
    const killedMs = performance.now()
    await runs.kill()
    await spare.begun
    const tookMs = performance.now() - killedMs
    t.diagnostic(`killed: taken over after ${Math.round(tookMs)} ms, with a lease of ${LEASE_MS} ms`)
    assert.ok(tookMs < LEASE_MS + TAKEOVER_MS, `taken over after ${tookMs} ms`)
    await summed(spare)
  })

  it('ERR_JOB_RUNNING: one that is told not to wait says who runs, and ends', async () => {
    const options = { dataDir: join(broker.root, 'c') }
    const { code, stderr } = await runJob(SUMS, broker.server.brokers, options, {}, { wait: false })
    assert.equal(code, 1)
    assert.match(stderr, /ERR_JOB_RUNNING/)
    assert.match(
      stderr,
      new RegExp(`job sums is run by process ${spare.child.pid} on \\S+ \\(member \\S+, since 20\\d\\d-`),
    )
  })

  it('C4 ERR_LEASE_LOST: one that stands still is followed by its spare, and stops itself when it goes on', async (t) => {
    const stopped = spare
    runs = start('c', LONG_LEASE_MS)
    await runs.says(/waits as a spare/)
    stopped.child.kill('SIGSTOP')
    const stoppedMs = performance.now()
    await send()
    await runs.begun
    t.diagnostic(`stopped: taken over after ${Math.round(performance.now() - stoppedMs)} ms`)
    await summed(runs)
    stopped.child.kill('SIGCONT')
    await send()
    assert.equal(await stopped.gone, 1)
    assert.match(stopped.told, /ERR_LEASE_LOST|ERR_FENCED/)
    await summed(runs)
  })

  it('a spare takes over at once from one that is drained by SIGTERM', async (t) => {
    spare = start('d', LONG_LEASE_MS)
    await spare.says(/waits as a spare/)
    await send()
    const toldMs = performance.now()
    runs.child.kill('SIGTERM')
    assert.equal(await runs.gone, 0, runs.told)
    const leftMs = performance.now()
    await spare.begun
    const tookMs = performance.now() - leftMs
    t.diagnostic(`drained in ${Math.round(leftMs - toldMs)} ms, taken over ${Math.round(tookMs)} ms later`)
    assert.ok(tookMs < LONG_LEASE_MS / 2, `taken over after ${tookMs} ms`)
    await summed(spare)
  })

  it('one that was killed is followed at once by the next on the same data directory: nobody waits for the dead', async (t) => {
    await spare.kill()
    const startedMs = performance.now()
    runs = start('d')
    await runs.begun
    const tookMs = performance.now() - startedMs
    t.diagnostic(`begun ${Math.round(tookMs)} ms after the start`)
    assert.ok(tookMs < LONG_LEASE_MS / 2, `begun after ${tookMs} ms`)
    await send()
    await summed(runs)
  })

  it('ERR_LEASE_LOST: an owner that no broker answers stops itself; the command line waits for its next turn', async (t) => {
    const args = ['run', fileURLToPath(SUMS), '--brokers', broker.server.brokers, '--commit-interval', '20ms']
    const command = new Tidemark([...args, '--data-dir', join(broker.root, 'e')])
    commands.push(command)
    const runsOn = watched(command)
    await untilSays(runsOn, /waits as a spare/)
    broker.server.freeze()
    assert.equal(await runs.gone, 1)
    assert.match(runs.told, /ERR_LEASE_LOST/)
    assert.match(runs.told, /has answered this process within its lease of 6 s/)
    await resume(t)
    await send()
    await summed(runsOn)
    // It owns now, and is refused, and told to end while it waits, what asks beside it.
    const beside = ['--data-dir', join(broker.root, 'f')]
    const refused = await tidemark([...args, ...beside, '--no-wait'])
    assert.equal(refused.exit, 4, refused.error)
    assert.match(refused.error, new RegExp(`run by process ${command.child.pid} on`))
    const waits = new Tidemark([...args, ...beside])
    commands.push(waits)
    await untilSays(watched(waits), /waits as a spare/)
    waits.child.kill('SIGTERM')
    assert.equal((await within(watched(waits), 'its end', waits.done)).exit, 0, waits.error)
    broker.server.freeze()
    await untilSays(runsOn, /this process goes on as a spare/)
    await resume(t)
    await send()
    await summed(runsOn)
    command.child.kill('SIGTERM')
    assert.equal((await within(runsOn, 'its end', command.done)).exit, 0, command.error)
  })

  it('with --until-end a spare finds nothing left to do when its turn comes, and ends as well', async () => {
    await send()
    runs = start('g', LONG_LEASE_MS, true)
    spare = start('h', LONG_LEASE_MS, true)
    assert.deepEqual([await runs.gone, await spare.gone], [0, 0], `${runs.told}${spare.told}`)
    checkSums(sent, await readTotals(broker.peer))
    summaryOf(await runJob(SUMS, broker.server.brokers, { dataDir: join(broker.root, 'g') }))
  })
})
