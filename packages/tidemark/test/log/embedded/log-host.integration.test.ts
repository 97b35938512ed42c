import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../../src/disk/node-disk.ts'
import { isTidemarkError } from '../../../src/errors/error.ts'
import type { ErrorCode } from '../../../src/errors/table.ts'
import { LogHost, type LogHostOptions } from '../../../src/log/embedded/log-host.ts'
import { ThreadLogPort } from '../../../src/log/embedded/thread-log-port.ts'
import type { CommitResult, Transaction } from '../../../src/log/types.ts'
import { batch, openLog, spec, text, transaction, untext, values } from './harness.ts'

const home = mkdtempSync(join(tmpdir(), 'tidemark-log-host-'))
after(() => rmSync(home, { recursive: true }))

const started: LogHost[] = []
after(() => Promise.all(started.map((host) => host.terminate())))

async function start(more: Partial<LogHostOptions> = {}): Promise<LogHost> {
  const host = await LogHost.start({ directory: mkdtempSync(join(home, 'd-')), job: 'job', ...more })
  started.push(host)
  return host
}

const send = (port: ThreadLogPort, one: Transaction): Promise<CommitResult> =>
  new Promise((resolve) => port.commit(one, resolve))

const code = (wanted: ErrorCode) => (error: unknown) => isTidemarkError(error, wanted)

test('log thread: commits of several ports, results, offsets, requests, a clean close', async () => {
  const host = await start()
  const stream = await host.createStream(spec('s', 2))
  await host.claim('p', '{"a":1}')
  await host.claim('q', '{}')
  const [p, q] = [new ThreadLogPort(host.port()), new ThreadLogPort(host.port())]
  const advanced = new Promise<void>((resolve) => q.onAdvanced(resolve))
  const sent: Promise<CommitResult>[] = []
  for (let id = 1; id <= 50; id++) {
    const on = (partition: number) => [{ stream: stream.id, partition, bytes: batch([`v${id}`]) }]
    sent.push(send(p, transaction(id, on(0), { delta: text(`d${id}`) })))
    sent.push(send(q, transaction(id, on(1), { producer: 'q' })))
  }
  for (const result of await Promise.all(sent)) assert.equal(result.outcome, 'committed')
  await advanced
  assert.equal(p.inFlight, 0)
  assert.deepEqual([p.offsets.end(stream.slot), q.offsets.end(stream.slot + 1)], [50, 50])
  const expected = Array.from({ length: 50 }, (_, i) => `v${i + 1}`)
  assert.deepEqual(values(nodeDisk, host, stream, 0), expected)
  assert.deepEqual(values(nodeDisk, p, stream, 1), expected)
  const statistics = await host.statistics()
  assert.equal(statistics.transactions, 100)
  assert.ok(statistics.groups < 50, `${statistics.groups} groups`)
  assert.deepEqual(
    (await host.deltas('p', 48)).map((delta) => untext(delta.bytes)),
    ['d49', 'd50'],
  )
  p.flushed('p', 50)
  assert.equal((await host.producer('p'))?.flushedId, 50)
  assert.deepEqual(
    (await host.producers()).map((producer) => [producer.producer, producer.id]),
    [
      ['p', 50],
      ['q', 50],
    ],
  )
  assert.deepEqual(await host.streams(), [stream])
  await host.flushed('q', 50)
  assert.equal((await host.producer('q'))?.flushedId, 50)
  await assert.rejects(host.createStream(spec('s', 3)), code('ERR_STREAM_MISMATCH'))
  await host.trim((await host.createStream(spec('i', 1, { kind: 'intermediate' }))).id, 0, 0)
  await host.applyRetention()
  assert.equal((await send(p, transaction(7, []))).outcome, 'fenced')
  p.close()
  q.close()
  await host.close()
  await host.close()
  await assert.rejects(host.streams(), code('ERR_LOG_CLOSED'))
  const log = openLog(nodeDisk, { directory: host.directory, lock: true })
  assert.equal(log.producer('q')?.id, 50)
  log.close()
})

test('log thread: close commits what was sent before it', async () => {
  const host = await start()
  await host.claim('p', '{}')
  const port = new ThreadLogPort(host.port())
  const sent = Array.from({ length: 20 }, (_, i) => send(port, transaction(i + 1, [])))
  await host.close()
  assert.ok((await Promise.all(sent)).every((result) => result.outcome === 'committed'))
  port.close()
})

test('log thread: whole buffers move, views of larger ones are copied', async () => {
  const host = await start()
  const stream = await host.createStream(spec('s'))
  await host.claim('p', '{}')
  const port = new ThreadLogPort(host.port())
  const whole = batch(['whole'])
  const large = new Uint8Array(1000)
  const part = batch(['part'])
  large.set(part, 100)
  const shared = Buffer.from('a delta in the pool of Node')
  const appends = [
    { stream: stream.id, partition: 0, bytes: whole },
    { stream: stream.id, partition: 0, bytes: large.subarray(100, 100 + part.length) },
  ]
  const result = await send(port, transaction(1, appends, { delta: shared }))
  assert.equal(result.outcome, 'committed', JSON.stringify(result))
  assert.equal(whole.length, 0, 'moved')
  assert.equal(large.length, 1000)
  assert.equal(shared.toString(), 'a delta in the pool of Node')
  assert.deepEqual(values(nodeDisk, host, stream), ['whole', 'part'])
  assert.equal(untext((await host.deltas('p', 0))[0]?.bytes ?? text('')), 'a delta in the pool of Node')
  port.close()
  await host.close()
})

test('log thread: asks for flushes when the journal is over its budget', async () => {
  const host = await start({ journalMaxBytes: 4000 })
  await host.claim('p', '{}')
  const port = new ThreadLogPort(host.port())
  const wanted = new Promise<readonly string[]>((resolve) => port.onFlushWanted(resolve))
  for (let id = 1; id <= 10; id++) await send(port, transaction(id, [], { delta: new Uint8Array(900) }))
  assert.deepEqual(await wanted, ['p'])
  const before = (await host.statistics()).journalBytes
  port.flushed('p', 10)
  assert.ok((await host.statistics()).journalBytes < before)
  port.close()
  await host.close()
})

test('log thread: what open throws comes out of start; a directory in use is refused', async () => {
  const host = await start()
  await assert.rejects(start({ directory: host.directory }), code('ERR_DATA_DIR_LOCKED'))
  await host.close()
  await assert.rejects(start({ directory: host.directory, job: 'other' }), code('ERR_DATA_DIR_OTHER_JOB'))
  const again = await start({ directory: host.directory })
  await again.close()
})

test('log thread: an error that ends the log ends the run, and the lock is free again', async () => {
  const host = await start()
  await host.claim('p', '{}')
  const port = new ThreadLogPort(host.port())
  // A flush of what was never committed breaks an invariant in the thread.
  port.flushed('p', 99)
  const error = await host.failure
  assert.ok(isTidemarkError(error, 'ERR_INVARIANT'), String(error))
  await assert.rejects(host.claim('p', '{}'), code('ERR_INVARIANT'))
  await host.close()
  port.close()
  const again = await start({ directory: host.directory })
  assert.equal((await again.claim('p', '{}')).epoch, 2)
  await again.close()
})

test('log thread: an end without a word is ERR_LOG_THREAD, for calls under way too', async () => {
  const host = await start()
  await host.statistics()
  const ended = host.terminate()
  await assert.rejects(host.producers(), code('ERR_LOG_THREAD'))
  await ended
  assert.ok(isTidemarkError(await host.failure, 'ERR_LOG_THREAD'))
  const again = await start({ directory: host.directory })
  await again.close()
})
