import { isTidemarkError, TidemarkError } from 'tidemark/system'
import type { ClusterPort } from '../cluster-port.ts'
import { mayRetry } from '../net/retry.ts'
import type { TopicPartition } from '../wire/api.ts'
import type { TransactionState } from '../wire/open-transactions.ts'
import { type CoordinatorRequests, NO_IDENTITY, type Result } from './coordinator-requests.ts'
import { openTransactions } from './open-transactions.ts'

/** Where an owner of a transactional id writes. */
export interface Written {
  /** Every transaction that is committed has a record here; no other producer does it harm to be waited for. */
  readonly own: TopicPartition
  /** What else may have been written to: partitions that do not need it get a marker too. */
  readonly outputs: readonly TopicPartition[]
}

/** An attempt. */
export interface TakenOver {
  readonly result: Result
  /** In which partitions what the owner before has aborted may be without a marker. */
  readonly suspects: readonly TopicPartition[]
}

/**
 * One attempt to take a transactional id over by InitProducerId(-1,-1), after which nobody knows how the last transaction of the
 * owner before was ended, should its markers be lost. So what was committed at epoch E and has none is committed once more
 * before, at the epoch after E: which is what the owner before does too (`mend-commit`), and does no harm to it. What has no
 * marker after InitProducerId was aborted, and is to be aborted again, from E+2 on. So how far the coordinator's epoch is
 * from E tells the one from the other at any time:
 *
 *     E+1, open                          E was committed
 *     more than E, committed             E was committed
 *     E+1, aborted                       E was aborted
 *     E+2 and more, not committed        E was aborted
 */
export async function takeOver(
  requests: CoordinatorRequests,
  cluster: ClusterPort,
  written: Written,
  withinMs: number,
): Promise<TakenOver> {
  const { own, outputs } = written
  const { state, result } = await settleCommit(requests, cluster, written, withinMs)
  if (result.fact !== 'ok') return { result, suspects: [] }
  const isCommitted = state === null || state.state === 'CompleteCommit' || state.error !== 0
  return { result: await requests.init(NO_IDENTITY, withinMs), suspects: isCommitted ? [own] : [...outputs, own] }
}

/** What was committed and has no marker is committed once more. The result is `ok` when nothing of it is left to do. */
export async function settleCommit(
  requests: CoordinatorRequests,
  cluster: ClusterPort,
  written: Written,
  withinMs: number,
): Promise<{ readonly state: TransactionState | null; readonly result: Result }> {
  const { state, result } = await requests.describe(withinMs)
  if (result.fact !== 'ok') return { state, result }
  // Its markers may get lost until it is complete.
  if (state?.state === 'PrepareCommit') return { state, result: again(state, 'is being committed') }
  if (state?.state !== 'CompleteCommit' && state?.state !== 'Ongoing') return { state, result: OK }
  return { state, result: await mendCommit(requests, cluster, state, written, withinMs) }
}

async function mendCommit(
  requests: CoordinatorRequests,
  cluster: ClusterPort,
  state: TransactionState,
  { own, outputs }: Written,
  withinMs: number,
): Promise<Result> {
  const identity = { producerId: state.producerId, epoch: state.producerEpoch }
  try {
    const { open } = await openTransactions(cluster, identity.producerId, [own])
    const isLost = ({ epoch }: { readonly epoch: number }): boolean => {
      return state.state === 'Ongoing' ? epoch === identity.epoch - 1 : epoch < identity.epoch
    }
    if (!open.some(isLost)) return OK
  } catch (error) {
    if (!isTidemarkError(error)) throw error
    return { fact: mayRetry(error) ? 'again' : 'refused', identity: null, error }
  }
  if (state.state === 'CompleteCommit') {
    const added = await requests.add(identity, [own, ...outputs], withinMs)
    if (added.fact !== 'ok') return moved(added)
  }
  const ended = await requests.end(identity, true, withinMs)
  return ended.fact === 'ok' ? OK : moved(ended)
}

/** Another may have done it: then things stand otherwise now. */
function moved(result: Result): Result {
  return result.fact === 'fenced' || result.fact === 'state' ? { ...result, fact: 'again' } : result
}

function again({ transactionalId }: TransactionState, what: string): Result {
  const text = `the last transaction of "${transactionalId}" ${what}: wait until that is done, then try again.`
  return { fact: 'again', identity: null, error: new TidemarkError('ERR_KAFKA_NOT_READY', text) }
}

const OK: Result = { fact: 'ok', identity: null, error: null }
