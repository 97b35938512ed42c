import { kafkaError } from '../net/kafka-errors.ts'

/**
 * What a broker's answer to a batch, or to a request of a transaction, means for whoever sent it:
 *
 * - `ok`: it is there, perhaps from an earlier attempt
 * - `again`: the same may succeed, after asking who leads or coordinates
 * - `order`: the batch before it is missing; an answer of its own only for the first of those not acknowledged
 * - `fenced`: a newer owner has ended this producer's epoch; of a batch also: the coordinator's timeout has
 * - `gone`: the coordinator does not know this producer id (any more)
 * - `state`: the coordinator is in no state for it: the transaction has ended otherwise
 * - `abortable`: this transaction cannot be committed; the next one may
 * - `refused`: the same will be refused for ever
 */
export type Verdict = 'ok' | 'again' | 'order' | 'fenced' | 'gone' | 'state' | 'abortable' | 'refused'

/** Codes that mean more here than their remedy says. */
const SPECIAL: Readonly<Record<string, Verdict>> = {
  DUPLICATE_SEQUENCE_NUMBER: 'ok',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'order',
  INVALID_PRODUCER_EPOCH: 'fenced',
  PRODUCER_FENCED: 'fenced',
  INVALID_PRODUCER_ID_MAPPING: 'gone',
  UNKNOWN_PRODUCER_ID: 'abortable',
  INVALID_TXN_STATE: 'state',
  TRANSACTION_ABORTABLE: 'abortable',
  TRANSACTION_COORDINATOR_FENCED: 'again',
  UNKNOWN_SERVER_ERROR: 'again',
}

export function verdictOf(code: number): Verdict {
  if (code === 0) return 'ok'
  const { name, remedy } = kafkaError(code)
  const special = SPECIAL[name]
  if (special !== undefined) return special
  return remedy === 'retry' || remedy === 'metadata' || remedy === 'coordinator' ? 'again' : 'refused'
}
