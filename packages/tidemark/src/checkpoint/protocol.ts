import { TidemarkError } from '../errors/error.ts'

/**
 * The commit protocol of one task as a pure function: facts in, decision out (design/02). The executor does what the
 * decision says and reports back with the next fact. The table below is total: each phase says what each fact means
 * there, and a fact that cannot happen in a phase is a broken invariant, not something to ignore.
 *
 *     idle --due--> freezing --frozen--> writing --written--> deciding --committed--> applying --applied--> idle
 *                       |                   |                  |    |
 *                       | nothing           | writeFailed      |    | unknown --> resolving --present--> applying
 *                       v                   v                  |    |                  |
 *                     idle                stopped  <--aborted--+    +--fenced          +--absent--> stopped
 *
 * `stopped` ends this task object: the container discards it with its memtables and resumes from the committed
 * checkpoint (invariant C7), unless it was fenced, when it must not resume at all (invariant C4).
 */
export type CommitPhase = 'idle' | 'freezing' | 'writing' | 'deciding' | 'resolving' | 'applying' | 'stopped'

export type CommitFact =
  /** Time has passed. */
  | { readonly kind: 'tick'; readonly nowMs: number }
  /** The user, a budget or a drain wants a commit as soon as can be. */
  | { readonly kind: 'request'; readonly nowMs: number }
  /** Between two messages: memtable, positions, marks, timers, clock and outputs are fixed as `id`. */
  | { readonly kind: 'frozen'; readonly nowMs: number }
  /** Freeze found that nothing changed since the last commit: an empty commit writes nothing. */
  | { readonly kind: 'nothing'; readonly nowMs: number }
  /** Outputs and delta are encoded and, where the system has a step for it, acknowledged. */
  | { readonly kind: 'written' }
  | { readonly kind: 'writeFailed' }
  | { readonly kind: 'committed'; readonly id: number }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'unknown' }
  /** The answer to `resolve`: the committed checkpoint is the one in flight, or it is not. */
  | { readonly kind: 'present' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'applied'; readonly nowMs: number }

export type CommitDecision =
  | 'nothing'
  | 'freeze'
  | 'write'
  | 'decide'
  | 'resolve'
  | 'apply'
  | 'abort'
  | 'fence'
  | 'timeout'

export interface CommitTiming {
  readonly intervalMs: number
  readonly maxDelayMs: number
  readonly timeoutMs: number
}

/** The protocol's whole memory of one task. Immutable: each fact makes the next one. */
export interface CommitState {
  readonly phase: CommitPhase
  readonly committedId: number
  /** When the next commit is due. */
  readonly dueMs: number
  /** When the commit in flight was frozen; meaningless when none is. */
  readonly frozenMs: number
}

export interface CommitStep {
  readonly state: CommitState
  readonly decision: CommitDecision
}

/** The start: `firstDueMs` staggers the tasks of a node. */
export function initialCommit(committedId: number, firstDueMs: number): CommitState {
  return { phase: 'idle', committedId, dueMs: firstDueMs, frozenMs: 0 }
}

/** True while a commit that was frozen is not yet committed: there may be one only (n+2 waits for n+1). */
export function inFlight(state: CommitState): boolean {
  return state.phase === 'writing' || state.phase === 'deciding' || state.phase === 'resolving'
}

/** True when the commit in flight is so late that the task must take no messages (back-pressure). */
export function holdsInput(state: CommitState, nowMs: number, timing: CommitTiming): boolean {
  if (state.phase === 'freezing' || state.phase === 'stopped') return true
  return inFlight(state) && nowMs - state.frozenMs > timing.maxDelayMs
}

/** The transition function. Throws ERR_INVARIANT for a fact that the phase cannot have. */
export function commitStep(state: CommitState, fact: CommitFact, timing: CommitTiming): CommitStep {
  switch (fact.kind) {
    case 'tick':
      return tick(state, fact.nowMs, timing)
    case 'request':
      return request(state, fact.nowMs)
    case 'frozen':
      expect(state, fact, 'freezing')
      return {
        state: { ...state, phase: 'writing', frozenMs: fact.nowMs, dueMs: fact.nowMs + timing.intervalMs },
        decision: 'write',
      }
    case 'nothing':
      expect(state, fact, 'freezing')
      return { state: { ...state, phase: 'idle', dueMs: fact.nowMs + timing.intervalMs }, decision: 'nothing' }
    case 'written':
      expect(state, fact, 'writing')
      return { state: { ...state, phase: 'deciding' }, decision: 'decide' }
    case 'writeFailed':
      expect(state, fact, 'writing')
      return stop(state, 'abort')
    case 'committed':
      return committed(state, fact)
    case 'aborted':
      expect(state, fact, 'deciding')
      return stop(state, 'abort')
    case 'fenced':
      expect(state, fact, 'deciding')
      return stop(state, 'fence')
    case 'unknown':
      expect(state, fact, 'deciding')
      return { state: { ...state, phase: 'resolving' }, decision: 'resolve' }
    case 'present':
      expect(state, fact, 'resolving')
      return { state: { ...state, phase: 'applying', committedId: state.committedId + 1 }, decision: 'apply' }
    case 'absent':
      expect(state, fact, 'resolving')
      return stop(state, 'abort')
    case 'applied':
      expect(state, fact, 'applying')
      return { state: { ...state, phase: 'idle' }, decision: 'nothing' }
  }
}

function tick(state: CommitState, nowMs: number, timing: CommitTiming): CommitStep {
  if (inFlight(state) && nowMs - state.frozenMs > timing.timeoutMs) return stop(state, 'timeout')
  if (state.phase === 'idle' && nowMs >= state.dueMs)
    return { state: { ...state, phase: 'freezing' }, decision: 'freeze' }
  return { state, decision: 'nothing' }
}

function request(state: CommitState, nowMs: number): CommitStep {
  if (state.phase === 'idle') return { state: { ...state, phase: 'freezing' }, decision: 'freeze' }
  // One commit is on its way: the next is due as soon as that one is done.
  return { state: { ...state, dueMs: Math.min(state.dueMs, nowMs) }, decision: 'nothing' }
}

function committed(state: CommitState, fact: CommitFact & { kind: 'committed' }): CommitStep {
  expect(state, fact, 'deciding')
  if (fact.id !== state.committedId + 1) {
    throw new TidemarkError('ERR_INVARIANT', `commit ${state.committedId + 1} was decided, but ${fact.id} was answered`)
  }
  return { state: { ...state, phase: 'applying', committedId: fact.id }, decision: 'apply' }
}

function stop(state: CommitState, decision: CommitDecision): CommitStep {
  return { state: { ...state, phase: 'stopped' }, decision }
}

function expect(state: CommitState, fact: CommitFact, phase: CommitPhase): void {
  if (state.phase !== phase) {
    throw new TidemarkError('ERR_INVARIANT', `commit protocol: "${fact.kind}" cannot happen while ${state.phase}`)
  }
}
