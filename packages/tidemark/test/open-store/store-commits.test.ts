import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/clock/clock.ts'
import { TidemarkError, toWireError } from '../../src/errors/error.ts'
import type { CommitResult, LogPort, StoredDelta, StreamReader, Transaction } from '../../src/log/types.ts'
import { StoreCommits } from '../../src/open-store/store-commits.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { openTaskState } from '../../src/store/open.ts'
import type { TaskState } from '../../src/store/types.ts'
import { NUMBERS } from '../store/harness.ts'
import { MapBase } from '../store/map-base.ts'

type Answer = 'committed' | 'fenced' | 'full' | 'never'

/** A log that answers as it is told, and keeps the deltas that it has committed. */
class ToldPort implements LogPort {
  readonly directory = '/d'
  readonly offsets = { start: () => 0, end: () => 0 }
  readonly deltas: StoredDelta[] = []
  answers: Answer[] = []
  flushedId = 0

  reader(): StreamReader {
    throw new Error('no streams here')
  }

  close(): void {}

  commit({ producer, id, delta }: Transaction, done: (result: CommitResult) => void): void {
    const answer = this.answers.shift() ?? 'committed'
    if (answer === 'never') return
    if (answer === 'committed' && delta !== null) this.deltas.push({ id, bytes: delta.slice() })
    const error = answer === 'full' ? toWireError(new TidemarkError('ERR_DISK_FULL', 'no room')) : null
    done({ producer, id, outcome: answer === 'full' ? 'failed' : answer, error })
  }

  flushed(_producer: string, id: number): void {
    this.flushedId = id
  }

  onAdvanced(): void {}
  onFlushWanted(): void {}
}

const open = (base: MapBase, deltas: readonly StoredDelta[], id: number, threshold = 1e9): TaskState =>
  openTaskState({ task: 't', specs: [NUMBERS], base, deltas, id, flushThresholdBytes: threshold })

function setUp(threshold?: number): {
  port: ToldPort
  commits: StoreCommits
  store: KeyValueStore<string, number>
  base: MapBase
  warnings: string[]
  endLog: (error: Error) => void
} {
  const port = new ToldPort()
  const base = new MapBase()
  const state = open(base, [], 0, threshold)
  const { promise, resolve } = Promise.withResolvers<Error>()
  const warnings: string[] = []
  const commits = new StoreCommits({
    name: 'numbers',
    state,
    port,
    producer: { producer: 'p', epoch: 1, id: 0, checkpoint: new Uint8Array(0), meta: '{}', flushedId: 0 },
    lastDeltaId: 0,
    clock: new ManualClock(0),
    logFailure: promise,
    onWarning: (line) => warnings.push(line),
  })
  return { port, commits, base, store: new KeyValueStore(state.store('numbers')), warnings, endLog: resolve }
}

const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected

function content(base: MapBase, port: ToldPort, id: number): unknown[] {
  const state = open(base, port.deltas, id)
  return [...new KeyValueStore<string, number>(state.store('numbers')).entries()].map(({ key, value }) => [key, value])
}

test('a checkpoint that a full disk refused is made by the next call, with nothing lost', async () => {
  const { port, commits, store, base } = setUp()
  store.put('a', 1)
  port.answers = ['full', 'full']
  await assert.rejects(commits.checkpoint(), code('ERR_DISK_FULL'))
  store.put('b', 2)
  store.delete('a')
  await assert.rejects(commits.checkpoint(), code('ERR_DISK_FULL'))
  assert.equal(commits.id, 0)
  await commits.checkpoint()
  assert.equal(commits.id, 2)
  assert.deepEqual(content(base, port, 2), [['b', 2]])
})

test('after another owner has taken over, and after the log has ended, nothing works any more', async () => {
  const fenced = setUp()
  fenced.store.put('a', 1)
  fenced.port.answers = ['fenced']
  await assert.rejects(fenced.commits.checkpoint(), code('ERR_FENCED'))
  await assert.rejects(fenced.commits.checkpoint(), code('ERR_FENCED'))
  const ended = setUp()
  ended.store.put('a', 1)
  ended.port.answers = ['never']
  const asked = ended.commits.checkpoint()
  ended.endLog(new TidemarkError('ERR_LOG_THREAD', 'it has ended'))
  await assert.rejects(asked, code('ERR_LOG_THREAD'))
  assert.equal(isCode(ended.commits.failure, 'ERR_LOG_THREAD'), true)
})

function isCode(error: unknown, expected: string): boolean {
  return code(expected)(error)
}

test('files that cannot be written for want of room are told, and written by a later checkpoint', async () => {
  const { port, commits, store, base, warnings } = setUp(1)
  const write = base.write.bind(base)
  base.write = function* full() {
    yield
    throw new TidemarkError('ERR_DISK_FULL', 'no room')
  }
  store.put('a', 1)
  await commits.checkpoint()
  assert.match(warnings.join(), /numbers.*no room/)
  assert.equal(port.flushedId, 0)
  base.write = write
  store.put('b', 2)
  await commits.checkpoint()
  assert.equal(port.flushedId, 2)
  assert.deepEqual(content(base, port, 2), [
    ['a', 1],
    ['b', 2],
  ])
})

test('files that cannot be written for another reason end the store', async () => {
  const { commits, store, base } = setUp(1)
  base.write = function* broken() {
    yield
    throw new TidemarkError('ERR_DISK_IO', 'broken')
  }
  store.put('a', 1)
  await assert.rejects(commits.checkpoint(), code('ERR_DISK_IO'))
  store.put('b', 1)
  await assert.rejects(commits.checkpoint(), code('ERR_DISK_IO'))
})
