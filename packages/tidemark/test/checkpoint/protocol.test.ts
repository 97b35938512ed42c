import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type CommitFact,
  type CommitPhase,
  type CommitState,
  commitStep,
  holdsInput,
  inFlight,
  initialCommit,
} from '../../src/checkpoint/protocol.ts'
import { isTidemarkError } from '../../src/errors/error.ts'

const timing = { intervalMs: 100, maxDelayMs: 300, timeoutMs: 1000 }

function walk(
  facts: readonly CommitFact[],
  from: CommitState = initialCommit(7, 100),
): { state: CommitState; decisions: string[] } {
  let state = from
  const decisions: string[] = []
  for (const fact of facts) {
    const step = commitStep(state, fact, timing)
    state = step.state
    decisions.push(step.decision)
  }
  return { state, decisions }
}

const toDeciding: CommitFact[] = [{ kind: 'tick', nowMs: 100 }, { kind: 'frozen', nowMs: 101 }, { kind: 'written' }]

describe('commit protocol', () => {
  it('goes from due to applied, step by step', () => {
    const { state, decisions } = walk([...toDeciding, { kind: 'committed', id: 8 }, { kind: 'applied', nowMs: 110 }])
    assert.deepEqual(decisions, ['freeze', 'write', 'decide', 'apply', 'nothing'])
    assert.equal(state.phase, 'idle')
    assert.equal(state.committedId, 8)
    assert.equal(state.dueMs, 201)
  })

  it('commits nothing when nothing changed', () => {
    const { state, decisions } = walk([
      { kind: 'tick', nowMs: 100 },
      { kind: 'nothing', nowMs: 100 },
    ])
    assert.deepEqual(decisions, ['freeze', 'nothing'])
    assert.equal(state.committedId, 7)
    assert.equal(state.phase, 'idle')
  })

  it('C3: is committed only by the answer to DECIDE', () => {
    assert.equal(walk(toDeciding).state.committedId, 7)
    assert.equal(walk([...toDeciding, { kind: 'committed', id: 8 }]).state.committedId, 8)
  })

  it('C4: stops for good when it is fenced', () => {
    const { state, decisions } = walk([...toDeciding, { kind: 'fenced' }])
    assert.equal(state.phase, 'stopped')
    assert.equal(decisions.at(-1), 'fence')
  })

  it('C6: an unknown outcome is found out, never sent again', () => {
    const unknown: CommitFact[] = [...toDeciding, { kind: 'unknown' }]
    assert.equal(walk(unknown).decisions.at(-1), 'resolve')
    assert.equal(walk([...unknown, { kind: 'present' }]).state.committedId, 8)
    const absent = walk([...unknown, { kind: 'absent' }])
    assert.equal(absent.state.committedId, 7)
    assert.equal(absent.state.phase, 'stopped')
  })

  it('C7: a failed write or an aborted commit leaves the committed checkpoint as it was', () => {
    for (const facts of [
      [...toDeciding.slice(0, 2), { kind: 'writeFailed' } as const],
      [...toDeciding, { kind: 'aborted' } as const],
    ]) {
      const { state, decisions } = walk(facts)
      assert.equal(state.phase, 'stopped')
      assert.equal(state.committedId, 7)
      assert.equal(decisions.at(-1), 'abort')
    }
  })

  it('times out only while a commit is in flight', () => {
    assert.equal(walk([...toDeciding, { kind: 'tick', nowMs: 1101 }]).decisions.at(-1), 'nothing')
    const late = walk([...toDeciding, { kind: 'tick', nowMs: 1102 }])
    assert.equal(late.decisions.at(-1), 'timeout')
    assert.equal(late.state.phase, 'stopped')
  })

  it('holds the input back when a commit is late, and while it freezes', () => {
    const { state } = walk(toDeciding)
    assert.equal(holdsInput(state, 401, timing), false)
    assert.equal(holdsInput(state, 402, timing), true)
    assert.equal(holdsInput(walk([{ kind: 'tick', nowMs: 100 }]).state, 100, timing), true)
  })

  it('a request during a commit makes the next one due at once', () => {
    const { state } = walk([
      ...toDeciding,
      { kind: 'request', nowMs: 150 },
      { kind: 'committed', id: 8 },
      { kind: 'applied', nowMs: 160 },
    ])
    assert.equal(commitStep(state, { kind: 'tick', nowMs: 160 }, timing).decision, 'freeze')
  })

  it('ERR_INVARIANT: an answer for another commit than the one in flight', () => {
    assert.throws(
      () => walk([...toDeciding, { kind: 'committed', id: 9 }]),
      (e) => isTidemarkError(e, 'ERR_INVARIANT'),
    )
  })
})

const anyFact: fc.Arbitrary<CommitFact> = fc.oneof(
  fc.nat(5000).map((nowMs): CommitFact => ({ kind: 'tick', nowMs })),
  fc.nat(5000).map((nowMs): CommitFact => ({ kind: 'request', nowMs })),
  fc.nat(5000).map((nowMs): CommitFact => ({ kind: 'frozen', nowMs })),
  fc.nat(5000).map((nowMs): CommitFact => ({ kind: 'nothing', nowMs })),
  fc.constantFrom<CommitFact>(
    { kind: 'written' },
    { kind: 'writeFailed' },
    { kind: 'aborted' },
    { kind: 'fenced' },
    { kind: 'unknown' },
    { kind: 'present' },
    { kind: 'absent' },
  ),
  fc.constantFrom(1, 2, 3, 4).map((id): CommitFact => ({ kind: 'committed', id })),
  fc.nat(5000).map((nowMs): CommitFact => ({ kind: 'applied', nowMs })),
)

describe('commit protocol under any facts', () => {
  it('C6: is total: each fact has a meaning or is a broken invariant; ids grow by one, only by a decision', () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 60 }), (facts) => {
        let state = initialCommit(0, 0)
        for (const fact of facts) {
          let next: CommitState
          try {
            next = commitStep(state, fact, timing).state
          } catch (error) {
            assert.ok(isTidemarkError(error, 'ERR_INVARIANT'))
            continue
          }
          if (next.committedId !== state.committedId) {
            assert.equal(next.committedId, state.committedId + 1)
            assert.ok(fact.kind === 'committed' || fact.kind === 'present')
            assert.ok(inFlight(state), 'only a commit in flight is decided')
          }
          if (state.phase === 'stopped') assert.equal(next.phase, 'stopped')
          state = next
        }
      }),
      { numRuns: 500 },
    )
  })

  it('one commit at a time: a freeze is decided only when none is in flight', () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 60 }), (facts) => {
        let state = initialCommit(0, 0)
        for (const fact of facts) {
          const before: CommitPhase = state.phase
          try {
            const step = commitStep(state, fact, timing)
            if (step.decision === 'freeze') assert.equal(before, 'idle')
            state = step.state
          } catch (error) {
            assert.ok(isTidemarkError(error, 'ERR_INVARIANT'))
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
