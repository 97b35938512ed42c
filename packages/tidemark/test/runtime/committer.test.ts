import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toWireError, TidemarkError } from '../../src/errors/error.ts'
import type { CommitResult, LogPort, Transaction } from '../../src/log/types.ts'
import { Committer } from '../../src/runtime/committer.ts'
import type { FrozenState, Steps, TaskState } from '../../src/store/types.ts'

type Answer = (transaction: Transaction) => CommitResult | null

interface FlushedState {
  readonly id: number
  flushedId: number
}

function* flushNow(state: FlushedState): Steps {
  yield
  state.flushedId = state.id
}

/** A committer on a log and a state that do what the test says; everything it did is in `events`. */
class Stand {
  readonly events: string[] = []
  readonly errors: TidemarkError[] = []
  readonly transactions: Transaction[] = []
  readonly committer: Committer
  /** Answers the last commit. */
  answer: ((result: CommitResult) => void) | null = null
  nowMs = 0
  /** What a flush does. */
  flush: (state: FlushedState) => Steps = flushNow
  changed = true

  constructor(answer: Answer) {
    const { events } = this
    const state = {
      id: 4,
      flushedId: 0,
      recentBytes: 100,
      freeze: (id: number): FrozenState => {
        this.events.push(`freeze ${id}`)
        return { id, changes: 1 }
      },
      *delta(): Generator<void, Uint8Array | null> {
        yield
        return new Uint8Array([7])
      },
      *commit(frozen: FrozenState): Generator<void, void> {
        state.id = frozen.id
        yield
        events.push(`merged ${frozen.id}`)
      },
      flush: (): Steps => this.flush(state),
      wantsFlush: false,
    }
    const port = {
      commit: (transaction: Transaction, done: (result: CommitResult) => void) => {
        this.transactions.push(transaction)
        this.answer = done
        const result = answer(transaction)
        if (result !== null) done(result)
      },
      flushed: (producer: string, id: number) => void this.events.push(`flushed ${producer} ${id}`),
    }
    this.committer = new Committer({
      task: 'task 0 of job test',
      producer: 'task:test/0',
      epoch: 3,
      committedId: 4,
      lastDeltaId: 2,
      firstDueMs: 1000,
      timing: { intervalMs: 1000, maxDelayMs: 2000, timeoutMs: 5000 },
      state: state as unknown as TaskState,
      retainer: null,
      port: port as unknown as LogPort,
      nowMs: () => this.nowMs,
      seal: () => (this.changed ? { appends: [], checkpoint: (last) => new Uint8Array([last]) } : null),
      onCommitted: (id) => void this.events.push(`committed ${id}`),
      onStopped: (error) => void this.errors.push(error as TidemarkError),
      failpoint: () => {},
    })
  }

  work(): void {
    for (let steps = 0; this.committer.step(); steps++) assert.ok(steps < 100, 'work comes to an end')
  }
}

function answered(outcome: CommitResult['outcome'], error: TidemarkError | null = null): Answer {
  return ({ producer, id }) => ({ producer, id, outcome, error: error === null ? null : toWireError(error) })
}

describe('Committer', () => {
  it('commits when it is due, in order: freeze, delta, decide, merge', () => {
    const stand = new Stand(answered('committed'))
    stand.committer.tick()
    assert.deepEqual(stand.events, [])
    stand.nowMs = 1000
    stand.committer.tick()
    assert.deepEqual(stand.events, ['freeze 5'])
    stand.work()
    assert.deepEqual(stand.events, ['freeze 5', 'committed 5', 'merged 5'])
    assert.equal(stand.committer.committedId, 5)
    assert.equal(stand.committer.dueMs, 2000)
    const [transaction] = stand.transactions
    assert.deepEqual([transaction?.epoch, transaction?.id], [3, 5])
    assert.deepEqual(transaction?.delta, new Uint8Array([7]))
    assert.deepEqual(transaction?.checkpoint, new Uint8Array([5]), 'the record names its own delta')
    assert.ok(stand.committer.quiet)
  })

  it('an empty commit writes nothing, and the next is due an interval later', () => {
    const stand = new Stand(answered('committed'))
    stand.changed = false
    stand.nowMs = 1500
    stand.committer.tick()
    assert.deepEqual([stand.events, stand.transactions], [[], []])
    assert.equal(stand.committer.dueMs, 2500)
    assert.ok(stand.committer.quiet)
  })

  it('a flush that waits for the disk is left alone until then, and commits go on', async () => {
    const stand = new Stand(answered('committed'))
    const disk = Promise.withResolvers<void>()
    let after = 0
    stand.flush = function* (): Steps {
      yield disk.promise
      after++
    }
    stand.committer.wantFlush()
    assert.equal(stand.committer.step(), true)
    assert.equal(stand.committer.step(), false, 'there is nothing to do')
    assert.notEqual(stand.committer.waiting, null)
    stand.committer.request()
    stand.work()
    assert.equal(stand.committer.committedId, 5)
    assert.equal(stand.committer.quiet, false)
    disk.resolve()
    await stand.committer.waiting
    stand.work()
    assert.equal(after, 1)
    assert.equal(stand.committer.waiting, null)
    assert.ok(stand.committer.quiet)
  })

  it('a sync that fails comes out of the next step: the container must end', async () => {
    const stand = new Stand(answered('committed'))
    stand.flush = function* (): Steps {
      yield Promise.reject(new TidemarkError('ERR_DISK_IO', 'the disk failed'))
    }
    stand.committer.wantFlush()
    stand.committer.step()
    await stand.committer.waiting
    assert.throws(() => stand.committer.step(), { code: 'ERR_DISK_IO' })
  })

  it('a flush that is wanted covers whole commits and is told to the log', () => {
    const stand = new Stand(answered('committed'))
    stand.committer.wantFlush()
    stand.committer.request()
    stand.committer.step()
    stand.work()
    stand.committer.wantFlush()
    stand.work()
    const flushes = stand.events.filter((e) => e.startsWith('flushed'))
    assert.deepEqual(flushes, ['flushed task:test/0 4', 'flushed task:test/0 5'])
  })

  it('ERR_COMMIT_TIMEOUT: holds the input back after maxDelayMs, stops after timeoutMs', () => {
    const stand = new Stand(() => null)
    stand.committer.request()
    stand.work()
    stand.nowMs = 2000
    assert.equal(stand.committer.holdsInput, false)
    stand.nowMs = 2001
    assert.equal(stand.committer.holdsInput, true)
    stand.nowMs = 5001
    stand.committer.tick()
    assert.equal(stand.errors[0]?.code, 'ERR_COMMIT_TIMEOUT')
    assert.match(stand.errors[0]?.message ?? '', /commit 5 of task 0 of job test took longer than 5000 ms/)
    assert.ok(stand.committer.stopped)
  })

  it('ERR_FENCED: another owner has claimed the producer', () => {
    const stand = new Stand(answered('fenced'))
    stand.committer.request()
    stand.work()
    assert.equal(stand.errors[0]?.code, 'ERR_FENCED')
    assert.ok(stand.committer.stopped)
    assert.equal(stand.committer.committedId, 4)
  })

  it('ERR_COMMIT_FAILED: the log refused without a reason; with one, that is the error', () => {
    const stand = new Stand(answered('failed'))
    stand.committer.request()
    stand.work()
    assert.equal(stand.errors[0]?.code, 'ERR_COMMIT_FAILED')
    assert.ok(!stand.events.includes('committed 5'))

    const full = new Stand(answered('failed', new TidemarkError('ERR_DISK_FULL', 'no space left')))
    full.committer.request()
    full.work()
    assert.deepEqual([full.errors[0]?.code, full.errors[0]?.message], ['ERR_DISK_FULL', 'no space left'])
  })

  it('an answer that comes after the timeout changes nothing', () => {
    const stand = new Stand(() => null)
    stand.committer.request()
    stand.work()
    stand.nowMs = 5001
    stand.committer.tick()
    stand.answer?.({ producer: 'task:test/0', id: 5, outcome: 'committed', error: null })
    stand.work()
    assert.equal(stand.errors.length, 1)
    assert.equal(stand.committer.committedId, 4)
    assert.deepEqual(stand.events, ['freeze 5'])
  })
})
