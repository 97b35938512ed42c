import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { kafka } from '@tidemark/kafka'
import { defineJob, json, kv, run, stream, string, uint } from 'tidemark'
import { runCli } from '../../../tidemark/src/cli/program.ts'
import { FakeTerminal, fakeContext } from '../../../tidemark/test/cli/fake-terminal.ts'
import { NO_S3, s3Url, startS3 } from '../../../tidemark/test/checkpoint/s3-support.ts'
import { until } from '../../../tidemark/test/until.ts'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { type Addition, checkSums } from './sums-check.ts'
import { assertWhole, JobProcess, readTotals, runJob, sendPayments, SUMS, summaryOf, SumsBroker } from './support.ts'

const USERS = 20

/** Each line as JSON. */
function rowsOf<T>(text: string): T[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as T)
}

describe('savepoints and lineages of a job on Kafka', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()
  const sent: Addition[] = []
  const data = join(broker.root, 'data')
  const options = { dataDir: data, commit: { intervalMs: 20 } }

  async function send(count: number): Promise<void> {
    sent.push(...(await sendPayments(broker.peer, count, USERS, sent.length)))
  }

  /** Of each user, all that was sent so far. */
  function sums(): Map<string, number> {
    const all = new Map<string, number>()
    for (const { key, amount } of sent) all.set(key, (all.get(key) ?? 0) + amount)
    return all
  }

  async function cli(...args: string[]): Promise<{ exit: number; out: string; error: string }> {
    const terminal = new FakeTerminal()
    const environment = { TIDEMARK_BROKERS: broker.server.brokers }
    const exit = await runCli(args, fakeContext({ cwd: broker.root, environment, terminal }))
    return { exit, out: terminal.out, error: terminal.error }
  }

  /** Of a job that has processed everything and goes on running until it is killed. */
  async function savepointAndKill(to: string): Promise<void> {
    const job = new JobProcess(SUMS, broker.server.brokers, options)
    await job.begun
    await until('all totals', async () => (await readTotals(broker.peer)).length >= sent.length)
    const asked = await cli('savepoint', '--data-dir', data, '--to', to, '--json')
    assert.equal(asked.exit, 0, asked.error)
    const { tasks, directory } = JSON.parse(asked.out) as { tasks: number; directory: string }
    assert.deepEqual([tasks, directory], [4, to])
    await job.kill()
    assert.ok(existsSync(join(to, 'savepoint')))
  }

  const first = join(broker.root, 'first')

  it('K3: a running job is asked for a savepoint, and killed: what comes later is the next lineage’s', async () => {
    await send(1000)
    await savepointAndKill(first)
    await send(600)
    const summary = summaryOf(await runJob(SUMS, broker.server.brokers, { ...options, from: first }))
    assert.equal(summary.records, 600, 'those behind the cut')
    checkSums(sent, await readTotals(broker.peer))
    await send(100)
    const again = summaryOf(await runJob(SUMS, broker.server.brokers, options))
    assert.equal(again.records, 100)
    checkSums(sent, await readTotals(broker.peer))
  })

  it('C8: the state of the new lineage comes back from its own topic on another machine', async () => {
    await send(100)
    const elsewhere = { ...options, dataDir: join(broker.root, 'elsewhere') }
    const summary = summaryOf(await runJob(SUMS, broker.server.brokers, elsewhere))
    assert.equal(summary.records, 100)
    assertWhole(summary, USERS)
    checkSums(sent, await readTotals(broker.peer))
  })

  it('C4 C6 K5: killed at steps of the start, and at the first commits behind it: nothing twice; the old lineage is fenced', async () => {
    const second = join(broker.root, 'second')
    await savepointAndKill(second)
    await send(400)
    // Of the lineage that the savepoint is of, and nobody knows of this process.
    const zombie = await broker.peer.producer({ 'transactional.id': 'tidemark.sums.task:sums@2/0' })
    await zombie.begin()
    await zombie.send('totals', [{ key: 'zombie', value: 'x' }])
    const from = { ...options, from: second }
    for (const point of ['restore-after-pending', 'restore-after-batch', 'restore-before-lineage']) {
      const end = await runJob(SUMS, broker.server.brokers, from, { failpoint: `${point}:1` })
      assert.equal(end.signal, 'SIGKILL', `${point} was not passed: ${end.stderr}`)
    }
    const lineages = rowsOf<{ number: number; kind: string }>(
      (await cli('state', 'lineages', '--job', 'sums', '--json')).out,
    )
    assert.deepEqual(
      lineages.map(({ number, kind }) => `${number} ${kind}`),
      ['1 older', '2 current', '3 pending'],
      'all attempts are one lineage, which does not count yet',
    )
    await assert.rejects(zombie.commit(), /ProducerFenced|InvalidProducerEpoch/)
    await zombie.close()
    for (const point of ['commit-before-decide', 'commit-after-decide']) {
      const end = await runJob(SUMS, broker.server.brokers, from, { failpoint: `${point}:1` })
      assert.equal(end.signal, 'SIGKILL', `${point} was not passed: ${end.stderr}`)
    }
    summaryOf(await runJob(SUMS, broker.server.brokers, from))
    checkSums(sent, await readTotals(broker.peer))
  })

  it('ERR_LINEAGE_IN_USE: lineages are listed, and older ones dropped, with their topics and files', async () => {
    const rows = async (): Promise<Record<string, unknown>[]> => {
      const { exit, out, error } = await cli('state', 'lineages', '--job', 'sums', '--json')
      assert.equal(exit, 0, error)
      return rowsOf(out)
    }
    const known = await rows()
    assert.deepEqual(
      known.map(({ number, kind, tasks, checkpoints }) => [number, kind, tasks, checkpoints]),
      [
        [1, 'older', 4, null],
        [2, 'older', 4, null],
        [3, 'current', 4, null],
      ],
    )
    assert.ok(known.every(({ stateBytes }) => Number(stateBytes) > 0))
    const flags = ['--job', SUMS.pathname, '--data-dir', data, '--json']
    const current = await cli('state', 'drop', '--lineage', '3', '--yes', ...flags)
    assert.match(current.error, /ERR_LINEAGE_IN_USE/)
    const dropped = await cli('state', 'drop', '--lineage', 'older', '--yes', ...flags)
    assert.equal(dropped.exit, 0, dropped.error)
    assert.deepEqual(
      (await rows()).map(({ number }) => number),
      [3],
    )
    assert.deepEqual(readdirSync(join(data, 'state')), ['lineage-3'])
    const streams = await cli('streams', 'list', '--json')
    const topics = streams.out.split('\n').flatMap((line) => /"name":"(sums\.[^"]+)"/.exec(line)?.[1] ?? [])
    assert.deepEqual(topics, ['sums.3.groupBy-1.repartition', 'sums.3.state', 'sums.control'])
    await send(50)
    assert.equal(summaryOf(await runJob(SUMS, broker.server.brokers, options)).records, 50)
    checkSums(sent, await readTotals(broker.peer))
  })

  const third = join(broker.root, 'third')

  it('ERR_NOT_A_DATA_DIR: time travel, figures and checks in the data directory; what needs the newest commits says where they are', async () => {
    const job = new JobProcess(SUMS, broker.server.brokers, options)
    await job.begun
    await until('all totals', async () => (await readTotals(broker.peer)).length >= sent.length)
    const at = ['--data-dir', data]
    const kept = await cli('checkpoint', 'create', ...at, '--json')
    assert.equal(kept.exit, 0, kept.error)
    const { checkpoint } = JSON.parse(kept.out) as { checkpoint: string }
    const expected = sums()
    await send(60)
    await until('all totals', async () => (await readTotals(broker.peer)).length >= sent.length)
    const later = await cli('checkpoint', 'create', ...at, '--json')
    const { checkpoint: until60 } = JSON.parse(later.out) as { checkpoint: string }
    // Of a running job, and of one that is gone.
    for (const running of [true, false]) {
      if (!running) {
        const asked = await cli('savepoint', ...at, '--to', third)
        assert.equal(asked.exit, 0, asked.error)
        await job.kill()
      }
      const scan = await cli('state', 'scan', '--store', 'sums', '--checkpoint', checkpoint, ...at, '--json')
      const entries = rowsOf<{ key: string; value: number }>(scan.out)
      assert.deepEqual(new Map(entries.map(({ key, value }) => [key, value])), expected, scan.error)
      const get = await cli('state', 'get', '--store', 'sums', '--key', 'user-3', '--checkpoint', checkpoint, ...at)
      assert.equal(get.out.trim(), String(expected.get('user-3')))
      const diff = ['state', 'diff', '--store', 'sums', '--checkpoint', checkpoint]
      const changes = await cli(...diff, '--until', until60, ...at, '--json')
      assert.ok(rowsOf(changes.out).length > 0, changes.error)
      const stats = await cli('state', 'stats', ...at, '--exact', '--json')
      const keys = rowsOf<{ store?: string; keys?: number }>(stats.out).filter(({ store }) => store === 'sums')
      assert.equal(
        keys.reduce((sum, each) => sum + (each.keys ?? 0), 0),
        USERS,
        stats.error,
      )
      const verified = await cli('state', 'verify', ...at, '--json')
      assert.equal(verified.exit, 0, verified.error)
      assert.deepEqual(rowsOf(verified.out).at(-1), { log: null, damages: 0 })
      const list = await cli('checkpoint', 'list', ...at)
      assert.match(list.out, new RegExp(checkpoint), list.error)
      for (const args of [['state', 'get', '--store', 'sums', '--key', 'user-3'], [...diff]]) {
        const refused = await cli(...args, ...at)
        assert.match(refused.error, /ERR_NOT_A_DATA_DIR/)
        assert.match(refused.error, /Name a retained checkpoint/)
      }
    }
    for (const args of [
      ['checkpoint', 'create'],
      ['state', 'drop', 'sums'],
    ]) {
      const refused = await cli(...args, ...at)
      assert.match(refused.error, /ERR_NOT_A_DATA_DIR/, args.join(' '))
    }
  })

  it('R5: from 4 tasks to 6 where the job has run: repartition and state topics have 6 partitions, each payment is counted once', async () => {
    const wider = join(broker.root, 'third-of-6')
    const rescaled = await cli('state', 'rescale', third, '--tasks', '6', '--to', wider, '--job', SUMS.pathname)
    assert.equal(rescaled.exit, 0, rescaled.error)
    await send(300)
    // On another engine, too: the files of the savepoint are imported into it, and written to the state topic all the same.
    const chosen = { ...options, engine: 'rocksdb' }
    const summary = summaryOf(await runJob(SUMS, broker.server.brokers, { ...chosen, from: wider }))
    assert.deepEqual([summary.tasks, summary.records], [6, 300])
    checkSums(sent, await readTotals(broker.peer))
    const topics = ['payments', 'sums.4.groupBy-1.repartition', 'sums.4.state']
    const partitions = await Promise.all(topics.map(async (name) => (await broker.peer.describeTopic(name)).length))
    assert.deepEqual(partitions, [4, 6, 6])
    await send(50)
    const elsewhere = { ...chosen, dataDir: join(broker.root, 'elsewhere') }
    const again = summaryOf(await runJob(SUMS, broker.server.brokers, elsewhere))
    assert.deepEqual([again.tasks, again.records], [6, 50])
    checkSums(sent, await readTotals(broker.peer))
  })

  it('C8: after a reset the job has no lineage any more, and the savepoint starts one all the same', async () => {
    const reset = await cli('reset', 'sums', '--data-dir', data, '--yes', '--json')
    assert.equal(reset.exit, 0, reset.error)
    const from = { ...options, from: join(broker.root, 'second') }
    const summary = summaryOf(await runJob(SUMS, broker.server.brokers, from))
    assert.equal(summary.records, sent.length - 1800, 'what is behind its cut')
    const { out } = await cli('state', 'lineages', '--job', 'sums')
    assert.match(out, /^ *1 +current /m)
    // Of a job that does not run: it is run for that.
    const nameless = await cli('savepoint', '--data-dir', data)
    assert.match(nameless.error, /ERR_USAGE|name its module/)
    const asked = await cli(
      'savepoint',
      SUMS.pathname,
      '--data-dir',
      data,
      '--to',
      join(broker.root, 'of-stopped'),
      '--json',
    )
    assert.equal(asked.exit, 0, asked.error)
    assert.equal((JSON.parse(asked.out) as { tasks: number }).tasks, 4)
  })

  it('C8: a savepoint in S3 starts a lineage on another machine', { skip: NO_S3 }, async () => {
    const { endpoint } = await startS3()
    const to = s3Url(endpoint, 'sums')
    const asked = await cli('savepoint', SUMS.pathname, '--data-dir', data, '--to', to, '--json')
    assert.equal(asked.exit, 0, asked.error)
    await send(40)
    const there = { ...options, dataDir: join(broker.root, 'of-s3'), from: to }
    const summary = summaryOf(await runJob(SUMS, broker.server.brokers, there))
    assert.equal(summary.records, 40)
    // Since the reset, totals were written that had been there before: the last ones count.
    const last = new Map((await readTotals(broker.peer)).map(({ key, total }) => [key, total]))
    assert.deepEqual(last, sums())
  })

  it('ERR_SAVEPOINT_MISMATCH: one of the embedded system starts a job on brokers that has not run there, with inputs that are empty', async () => {
    const clicks = stream('clicks', { key: string(), value: json<{ page: string }>(), partitions: 2 })
    const perPage = kv('per-page', { key: string(), value: uint() })
    const job = defineJob('clicking', (builder) =>
      builder
        .from(clicks)
        .groupBy((click) => click.page)
        .count(perPage),
    )
    const file = join(broker.root, 'clicks.jsonl')
    const rows = (count: number): string => Array.from({ length: count }, (_, i) => `{"page":"/${i % 3}"}\n`).join('')
    writeFileSync(file, rows(90))
    const settings = { containers: 0, commit: { intervalMs: 20 }, inputs: { clicks: [{ path: file, follow: true }] } }
    const embedded = await run(job, { ...settings, dataDir: join(broker.root, 'clicks') })
    await until('the clicks', () => embedded.progress().records >= 90 && embedded.progress().lag === 0)
    const from = join(broker.root, 'of-clicks')
    await embedded.savepoint({ to: from })
    await embedded.savepoint({ to: join(broker.root, 'of-clicks-later') })
    await embedded.drain()
    const system = kafka({ brokers: [broker.server.brokers] })
    const there = { ...settings, system, from, dataDir: join(broker.root, 'clicks-there') }
    await broker.peer.createTopic('clicks', 2)
    const producer = await broker.peer.producer()
    await producer.send('clicks', [{ key: 'x', value: '{"page":"/x"}' }])
    await assert.rejects(run(job, there), {
      code: 'ERR_SAVEPOINT_MISMATCH',
      message: /offsets are not those of topic clicks/,
    })
    await broker.peer.deleteTopic('clicks')
    const { from: _, ...without } = there
    await assert.rejects(run(job, without), { code: 'ERR_SAVEPOINT_INCOMPLETE' })
    writeFileSync(file, rows(120))
    const app = await run(job, there)
    await until('the rest', () => app.progress().records >= 30 && app.progress().lag === 0)
    const counts = async (): Promise<unknown[]> =>
      Promise.all(['/0', '/1', '/2', '/x'].map((page) => app.store(perPage).get(page)))
    await until('the counts', async () => isDeepStrictEqual(await counts(), [40, 40, 40, undefined]))
    await app.drain()
    const other = run(job, { ...there, from: join(broker.root, 'of-clicks-later') })
    await assert.rejects(other, {
      code: 'ERR_SAVEPOINT_MISMATCH',
      message: /on its brokers has a history of its own.* tidemark reset/,
    })
  })
})
