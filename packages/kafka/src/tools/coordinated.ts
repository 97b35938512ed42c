import { isTidemarkError } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import { retrying } from '../net/retry.ts'
import type { Api } from '../wire/api.ts'
import type { CoordinatorKind } from '../wire/find-coordinator.ts'

const PATIENCE_MS = 15_000

/** Asks a coordinator, again while it is not ready, and gives its answer, whatever other error is in it. */
export async function coordinated<Q, R>(
  cluster: Cluster,
  kind: CoordinatorKind,
  key: string,
  api: Api<Q, R>,
  q: Q,
  errorOf: (answer: R) => number,
): Promise<R> {
  return retrying({ clock: cluster.clock, random: cluster.random, withinMs: PATIENCE_MS }, async () => {
    const answer = await cluster.request(await cluster.coordinator(kind, key), api, q, 'control')
    const { remedy } = kafkaError(errorOf(answer))
    if (errorOf(answer) === 0 || (remedy !== 'retry' && remedy !== 'coordinator')) return answer
    cluster.forgetCoordinator(kind, key)
    throw refusal(`${api.name} of ${kind} "${key}"`, errorOf(answer), null)
  })
}

/** Kafka's code of a denial that came from looking the coordinator up; anything else is thrown on. */
export function deniedCode(error: unknown): number {
  const code = isTidemarkError(error, 'ERR_KAFKA_DENIED') ? error.details['kafkaCode'] : undefined
  if (typeof code === 'number') return code
  throw error
}
