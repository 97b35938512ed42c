import { type Clock, isTidemarkError, TidemarkError } from 'tidemark/system'
import type { ClusterPort } from '../cluster-port.ts'
import { mayRetry } from '../net/retry.ts'
import { waitMs } from '../produce/waits.ts'
import type { TopicPartition } from '../wire/api.ts'
import { type Decision, openTransactions } from './open-transactions.ts'

/** A transaction that has ended, and whose markers were not seen yet. */
export interface Ended {
  readonly decision: Decision
  /** Its producer id: that of the next transaction may be another. */
  readonly producerId: number
  readonly partitions: readonly TopicPartition[]
}

export interface MarkersOptions {
  readonly cluster: ClusterPort
  readonly clock: Clock
  readonly transactionalId: string
  /** Ends what `ended` is once more in the same way, in all of its partitions. */
  readonly mend: () => Promise<'mended' | 'fenced' | TidemarkError>
}

export type MarkersOutcome = 'there' | 'fenced' | TidemarkError

/** Markers come some milliseconds after the answer to EndTxn. When they do not for so long, another transaction writes them. */
const PATIENCE_MS = 1000
const MOST_WAIT_MS = 100

/**
 * Whether the markers of a producer's last transaction are in its partitions. A broker may lose them for ever
 * (docs/internals/kafka-transactions.md): then the producer's next transaction would end both, and perhaps the wrong way.
 */
export class Markers {
  readonly #options: MarkersOptions
  #ended: Ended | null = null
  /** Mending was begun and not finished: it has to be, whatever the partitions say. */
  #begun = false
  #closed = false

  constructor(options: MarkersOptions) {
    this.#options = options
  }

  /** Null: all markers are there. */
  get ended(): Ended | null {
    return this.#ended
  }

  expect(ended: Ended): void {
    this.#ended = ended
  }

  close(): void {
    this.#closed = true
  }

  /** Looks until they are there, and mends when they do not come; with why not when `untilMs` of the monotone clock is over. */
  async come(untilMs: number): Promise<MarkersOutcome> {
    const { clock } = this.#options
    let mendAtMs = clock.monotonicMs() + PATIENCE_MS
    let unmended: TidemarkError | null = null
    for (let tries = 1; ; tries++) {
      const ended = this.#ended
      if (ended === null) return 'there'
      if (this.#closed) return this.#missing(ended, unmended)
      const found = await this.#look(ended)
      if (found === 'there' && !this.#begun) {
        this.#ended = null
        return 'there'
      }
      if (found instanceof TidemarkError) {
        if (!mayRetry(found)) return found
        // A broker that is away is no broker that has lost something.
        mendAtMs = clock.monotonicMs() + PATIENCE_MS
      } else if (found !== 'missing' || clock.monotonicMs() >= mendAtMs) {
        const mended = await this.#mend()
        if (mended === 'fenced') return mended
        unmended = mended instanceof TidemarkError ? mended : null
        // Where nothing is told there is no more to be done than to end it twice.
        if (mended === 'mended' && found === 'untold') this.#ended = null
        mendAtMs = clock.monotonicMs() + PATIENCE_MS
      }
      const wait = Math.min(waitMs(tries), MOST_WAIT_MS)
      if (this.#ended !== null && clock.monotonicMs() + wait > untilMs) {
        return found instanceof TidemarkError ? found : this.#missing(ended, unmended)
      }
      if (this.#ended !== null) await clock.sleep(wait)
    }
  }

  async #mend(): Promise<'mended' | 'fenced' | TidemarkError> {
    if (this.#closed) return 'mended'
    this.#begun = true
    const mended = await this.#options.mend()
    if (mended === 'mended') this.#begun = false
    return mended
  }

  /**
   * Of what was committed the last partition stands for all: brokers lose the markers of a transaction together, and of an
   * output with many writers the answer is long. What was aborted may have come to any of them.
   */
  async #look({ decision, producerId, partitions }: Ended): Promise<'there' | 'missing' | 'untold' | TidemarkError> {
    const asked = decision === 'abort' ? partitions : partitions.slice(-1)
    try {
      const { open, untold } = await openTransactions(this.#options.cluster, producerId, asked)
      if (open.length > 0) return 'missing'
      return decision === 'abort' && untold.length > 0 ? 'untold' : 'there'
    } catch (error) {
      if (isTidemarkError(error)) return error
      throw error
    }
  }

  #missing({ decision, partitions }: Ended, unmended: TidemarkError | null): TidemarkError {
    const { transactionalId } = this.#options
    const [{ topic, partition } = { topic: '', partition: -1 }] = partitions.slice(-1)
    const what = decision === 'commit' ? 'committed' : 'aborted'
    return new TidemarkError(
      'ERR_KAFKA_NOT_READY',
      `a transaction of "${transactionalId}" was ${what}, but its brokers have not written that into stream "${topic}", ` +
        `partition ${partition}. Nothing more is written before; look at the brokers' logs.` +
        (unmended === null ? '' : ` It could not be done once more: ${unmended.message}`),
      { details: { transactionalId, stream: topic, partition }, cause: unmended },
    )
  }
}
