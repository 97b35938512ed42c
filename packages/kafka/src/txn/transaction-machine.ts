/**
 * One task's transactions as a pure state machine: what is known (phase), what happened (fact), what to do next (action).
 * It is the client's side of Kafka's transactions v2 (KIP-890 part 2), for one transactional id and one owner. What it
 * builds on was found out on a broker of 4.3.1, and is tested there (transactions.integration.test.ts):
 *
 * - Every EndTxn raises the epoch by one. The same EndTxn again (same id and epoch) is answered by "done" and the new epoch,
 *   the opposite one by INVALID_TXN_STATE: so an EndTxn whose answer was lost may be sent again, and an abort with the old
 *   epoch tells whether the commit before it was carried out.
 * - After the coordinator's own timeout batches are refused by INVALID_PRODUCER_EPOCH as after a fence, but an EndTxn(abort)
 *   is answered by "done". After a fence by InitProducerId(-1,-1) it is PRODUCER_FENCED. So the coordinator is asked.
 * - InitProducerId with own values is answered by the epoch after an EndTxn whose answer was lost, unless the coordinator has
 *   started anew since: then it is PRODUCER_FENCED, though nobody else came. The same EndTxn is answered in both cases.
 * - A broker that is killed right after an EndTxn may write the markers never. The next one of the producer ends both, as the
 *   later was decided: so none is begun before the markers are there, and if they do not come, a transaction without records is
 *   ended in the same way (docs/internals/kafka-transactions.md).
 */
export type Phase =
  | 'fresh'
  | 'starting'
  | 'ready'
  | 'writing'
  | 'committing'
  /** EndTxn(commit) was sent and not answered for good: the commit may have been carried out. */
  | 'recommitting'
  | 'aborting'
  /** The coordinator has forgotten the id: asks for it again as its last owner; nothing of the transaction is committed. */
  | 'reviving'
  /** Nobody knows whether the last commit was carried out. */
  | 'unsure'
  | 'checking'
  /** It was: the same EndTxn once more gives the epoch. InitProducerId would too, but not after the coordinator has started anew. */
  | 'confirming'
  /** The last commit was carried out; gets the epoch. */
  | 'rejoining'
  /** That could not be had in time. It is not to be asked for by an EndTxn: after InitProducerId that is PRODUCER_FENCED. */
  | 'unjoined'
  /** The transaction before was aborted, and has no markers in some partitions. See `mend-abort`. */
  | 'raising'
  /** The transaction before has no markers in some partitions: they are made part of one that will end as it did. */
  | 'adding'
  /** That one is being ended. */
  | 'sealing'
  /** The same three, given up for now. A transaction of its own would end what has no markers, perhaps the wrong way. */
  | 'unraised'
  | 'torn'
  | 'unsealed'
  | 'fenced'
  | 'closed'

/** Calls of the owner, then what came of the last action. */
export type Call =
  | 'init'
  | 'commit'
  | 'resolve'
  /** Commits once more what was committed. The epoch is the next one: by that a new owner knows it from all others. */
  | 'mend-commit'
  /** Aborts once more what was aborted, under an epoch that was raised before: see take-over.ts. */
  | 'mend-abort'
  | 'abort'
  | 'close'

export type Answer = 'ok' | 'again' | 'fenced' | 'gone' | 'state' | 'abortable' | 'refused' | 'deadline'
export type Fact = Call | Answer

export type Action =
  /** InitProducerId(-1,-1): fences whoever had the id before. */
  | 'init'
  /** InitProducerId with own id and epoch. */
  | 'rejoin'
  /** All batches, and the group's offsets. */
  | 'write'
  | 'end-commit'
  | 'end-abort'
  /** AddPartitionsToTxn with all partitions of the transaction before. */
  | 'add'
  /** EndTxn as the transaction before was ended. */
  | 'end-same'
  | 'report-mended'
  | 'report-ready'
  | 'report-committed'
  | 'report-aborted'
  | 'report-fenced'
  | 'report-unknown'
  | 'report-owner'
  /** The call could not be carried out; it may be made again. */
  | 'report-failed'
  /** Nothing to do now: the call has its effect when the action under way is answered, or none. */
  | 'none'
  /** A call that its caller must not make in this phase. */
  | 'misuse'
  /** An answer that nobody asked for. */
  | 'impossible'

export interface Step {
  readonly phase: Phase
  readonly action: Action
}

type Row = Readonly<Record<Fact, Step>>

const to = (phase: Phase, action: Action): Step => ({ phase, action })

/** Answers in a phase in which nothing was asked. */
function idle(phase: Phase): Readonly<Record<Answer, Step>> {
  const step = to(phase, 'impossible')
  return {
    ok: step,
    again: step,
    fenced: step,
    gone: step,
    state: step,
    abortable: step,
    refused: step,
    deadline: step,
  }
}

function noMend(phase: Phase): Readonly<Record<'mend-commit' | 'mend-abort', Step>> {
  return { 'mend-commit': to(phase, 'misuse'), 'mend-abort': to(phase, 'misuse') }
}

/** Calls while another call is under way: one at a time; closing waits for nobody. */
function busy(phase: Phase): Readonly<Record<Call, Step>> {
  const misuse = to(phase, 'misuse')
  const close = to('closed', 'none')
  return { ...noMend(phase), init: misuse, commit: misuse, resolve: misuse, abort: to(phase, 'none'), close }
}

const FENCED = to('fenced', 'report-fenced')
const UNKNOWN = to('unsure', 'report-unknown')
const ABORT = to('aborting', 'end-abort')

function starting(): Row {
  const failed = to('fresh', 'report-failed')
  const again = to('starting', 'init')
  const rest = { gone: failed, state: failed, abortable: failed, refused: failed, deadline: failed }
  return { ...busy('starting'), ok: to('ready', 'report-ready'), again, fenced: FENCED, ...rest }
}

function recommitting(): Row {
  return {
    ...busy('recommitting'),
    ok: to('ready', 'report-committed'),
    again: to('recommitting', 'end-commit'),
    fenced: FENCED,
    // An id cannot expire while its transaction is open: somebody else has it, under another producer id.
    gone: FENCED,
    // It has ended, and not by a commit.
    state: ABORT,
    abortable: UNKNOWN,
    refused: UNKNOWN,
    deadline: UNKNOWN,
  }
}

function rejoining(phase: 'reviving' | 'rejoining'): Row {
  const done = phase === 'reviving' ? to('ready', 'report-aborted') : to('ready', 'report-owner')
  const failed = phase === 'reviving' ? UNKNOWN : to('unjoined', 'report-failed')
  const rest = { gone: failed, state: failed, abortable: failed, refused: failed, deadline: failed }
  return { ...busy(phase), ok: done, again: to(phase, 'rejoin'), fenced: FENCED, ...rest }
}

/** Only `resolve` leads on. */
function waiting(phase: 'unsure' | 'unjoined', resolve: Step): Row {
  const misuse = to(phase, 'misuse')
  const rest = { ...noMend(phase), abort: to(phase, 'none'), close: to('closed', 'none') }
  return { ...idle(phase), init: misuse, commit: misuse, resolve, ...rest }
}

/** What was asked may have been carried out though nobody said so: then a transaction is open, and only this may end it. */
function mending(phase: Phase, action: Action, done: Step, otherwise: Phase): Row {
  const failed = to(otherwise, 'report-failed')
  const rest = { gone: failed, state: failed, abortable: failed, refused: failed, deadline: failed }
  return { ...busy(phase), ok: done, again: to(phase, action), fenced: FENCED, ...rest }
}

/** Only mending goes on. */
function unmended(phase: Phase, mend: Step): Row {
  const misuse = to(phase, 'misuse')
  const calls = { init: misuse, commit: misuse, resolve: misuse, 'mend-commit': mend, 'mend-abort': mend }
  return { ...idle(phase), ...calls, abort: to(phase, 'none'), close: to('closed', 'none') }
}

function fenced(): Row {
  const misuse = to('fenced', 'misuse')
  const calls = {
    init: misuse,
    commit: FENCED,
    resolve: FENCED,
    'mend-commit': FENCED,
    'mend-abort': FENCED,
    abort: to('fenced', 'none'),
    close: to('closed', 'none'),
  }
  return { ...idle('fenced'), ...calls }
}

function closed(): Row {
  const misuse = to('closed', 'misuse')
  const none = to('closed', 'none')
  const late: Readonly<Record<Answer, Step>> = {
    ok: none,
    again: none,
    fenced: none,
    gone: none,
    state: none,
    abortable: none,
    refused: none,
    deadline: none,
  }
  return { init: misuse, commit: misuse, resolve: misuse, abort: none, close: none, ...noMend('closed'), ...late }
}

/** The whole transition table. */
export const TABLE: Readonly<Record<Phase, Row>> = {
  fresh: {
    ...idle('fresh'),
    init: to('starting', 'init'),
    commit: to('fresh', 'misuse'),
    resolve: to('fresh', 'misuse'),
    ...noMend('fresh'),
    abort: to('fresh', 'none'),
    close: to('closed', 'none'),
  },
  starting: starting(),
  ready: {
    ...idle('ready'),
    // Once per granted ownership: a second one would come from an owner that may be stale.
    init: to('ready', 'misuse'),
    commit: to('writing', 'write'),
    resolve: to('ready', 'report-owner'),
    'mend-commit': to('adding', 'add'),
    'mend-abort': to('raising', 'rejoin'),
    abort: to('ready', 'none'),
    close: to('closed', 'none'),
  },
  writing: {
    ...busy('writing'),
    ok: to('committing', 'end-commit'),
    again: ABORT,
    // Or timed out: the coordinator tells.
    fenced: ABORT,
    gone: to('reviving', 'rejoin'),
    state: ABORT,
    abortable: ABORT,
    refused: ABORT,
    deadline: ABORT,
  },
  committing: {
    ...recommitting(),
    ...busy('committing'),
    abortable: ABORT,
    refused: ABORT,
  },
  recommitting: recommitting(),
  aborting: {
    ...busy('aborting'),
    ok: to('ready', 'report-aborted'),
    again: ABORT,
    fenced: FENCED,
    gone: to('reviving', 'rejoin'),
    state: UNKNOWN,
    abortable: UNKNOWN,
    refused: UNKNOWN,
    deadline: UNKNOWN,
  },
  reviving: rejoining('reviving'),
  unsure: waiting('unsure', to('checking', 'end-abort')),
  checking: {
    ...busy('checking'),
    ok: to('ready', 'report-owner'),
    again: to('checking', 'end-abort'),
    fenced: FENCED,
    gone: to('rejoining', 'rejoin'),
    state: to('confirming', 'end-commit'),
    abortable: to('unsure', 'report-failed'),
    refused: to('unsure', 'report-failed'),
    deadline: to('unsure', 'report-failed'),
  },
  confirming: {
    ...busy('confirming'),
    ok: to('ready', 'report-owner'),
    again: to('confirming', 'end-commit'),
    fenced: FENCED,
    gone: to('rejoining', 'rejoin'),
    // Neither a commit nor an abort ends anything: there was nothing.
    state: to('rejoining', 'rejoin'),
    abortable: to('unsure', 'report-failed'),
    refused: to('unsure', 'report-failed'),
    deadline: to('unsure', 'report-failed'),
  },
  rejoining: rejoining('rejoining'),
  unjoined: waiting('unjoined', to('rejoining', 'rejoin')),
  raising: mending('raising', 'rejoin', to('adding', 'add'), 'unraised'),
  // Also after the coordinator's timeout: how it ended is what it answers to the end of it.
  adding: { ...mending('adding', 'add', to('sealing', 'end-same'), 'torn'), fenced: to('sealing', 'end-same') },
  sealing: mending('sealing', 'end-same', to('ready', 'report-mended'), 'unsealed'),
  unraised: unmended('unraised', to('raising', 'rejoin')),
  torn: unmended('torn', to('adding', 'add')),
  unsealed: unmended('unsealed', to('sealing', 'end-same')),
  fenced: fenced(),
  closed: closed(),
}

export function nextStep(phase: Phase, fact: Fact): Step {
  return TABLE[phase][fact]
}
