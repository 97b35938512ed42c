import type { FetchPartition, FetchTopic, ForgottenTopic } from '../wire/fetch.ts'

/** What is to be fetched of one partition. */
export interface Wanted extends FetchPartition {
  readonly topicId: string
}

export interface SessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: readonly FetchTopic[]
  readonly forgotten: readonly ForgottenTopic[]
}

const LAST_EPOCH = 0x7fffffff
const SESSION_ID_NOT_FOUND = 70

/**
 * One incremental fetch session with one broker (KIP-227): the broker remembers what is wanted of each partition, so that a
 * request names only what has changed, and an answer only partitions with news. Pure. `K` stands for a partition.
 */
export class FetchSession<K> {
  #id = 0
  #epoch = 0
  #known = new Map<K, Wanted>()
  #asked: Map<K, Wanted> = this.#known

  /** The next request, for exactly these partitions. One at a time: `answered` or `lost` comes before the next. */
  next(wanted: ReadonlyMap<K, Wanted>): SessionRequest {
    const full = this.#epoch === 0
    const changed = new Map<string, FetchPartition[]>()
    const forgotten = new Map<string, number[]>()
    for (const [key, each] of wanted) {
      const known = full ? undefined : this.#known.get(key)
      if (known === undefined || !same(known, each)) push(changed, each.topicId, each)
      // The topic was made again: what the broker knows under the old id goes.
      if (known !== undefined && known.topicId !== each.topicId) push(forgotten, known.topicId, known.partition)
    }
    if (!full) {
      for (const [key, known] of this.#known) if (!wanted.has(key)) push(forgotten, known.topicId, known.partition)
    }
    this.#asked = new Map(wanted)
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      topics: [...changed].map(([id, partitions]) => ({ id, partitions })),
      forgotten: [...forgotten].map(([id, partitions]) => ({ id, partitions })),
    }
  }

  /** What the request that is under way asked of a partition. */
  asked(key: K): Wanted | undefined {
    return this.#asked.get(key)
  }

  /** Takes the head of an answer; false if the session is no more, so that the answer holds nothing. */
  answered(error: number, sessionId: number): boolean {
    if (error !== 0) {
      if (error === SESSION_ID_NOT_FOUND) this.#id = 0
      this.lost()
      return false
    }
    this.#known = this.#asked
    this.#id = sessionId
    // A broker without room for a session answers with 0: the next request is a full one again.
    if (sessionId === 0) this.#epoch = 0
    else this.#epoch = this.#epoch === LAST_EPOCH ? 1 : this.#epoch + 1
    return true
  }

  /** No answer came: the next request ends the session, if there is one, and asks for a new one. */
  lost(): void {
    this.#epoch = 0
    this.#known = new Map()
  }
}

function same(a: Wanted, b: Wanted): boolean {
  return (
    a.offset === b.offset &&
    a.topicId === b.topicId &&
    a.leaderEpoch === b.leaderEpoch &&
    a.lastFetchedEpoch === b.lastFetchedEpoch &&
    a.maxBytes === b.maxBytes
  )
}

function push<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
