import { isTidemarkError, TidemarkError } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import type { TopicMetadata } from '../wire/metadata.ts'

/** What a topic is to the job. */
export type TopicUse = 'input' | 'output' | 'intermediate' | 'state' | 'control'

export interface WatchedTopic {
  readonly topic: string
  readonly use: TopicUse
  /** Those that it had at the start. */
  readonly partitions: number
}

export interface TopicWatchOptions {
  readonly cluster: Pick<Cluster, 'clock' | 'metadata'>
  readonly job: string
  readonly topics: () => readonly WatchedTopic[]
  readonly onWarning: (text: string) => void
}

const UNKNOWN_TOPIC = 3
/** So long a topic may be unknown before it counts as deleted: brokers that have just started may be behind. */
const GRACE_MS = 10_000
const PAUSE_MS = 500

/** Looks whether the topics of a run are as they were: made anew, gone, or with more partitions. */
export class TopicWatch {
  readonly #options: TopicWatchOptions
  /** By name, of those that were there: one that was made later under the same name is another. */
  readonly #ids = new Map<string, string>()
  readonly #missingSinceMs = new Map<string, number>()
  readonly #told = new Set<string>()

  constructor(options: TopicWatchOptions) {
    this.#options = options
  }

  /** ERR_KAFKA_TOPIC_MISSING when one of them was deleted, and what to do. Rejects as Cluster.metadata. */
  async look(): Promise<void> {
    const { cluster, topics } = this.#options
    const watched = topics()
    if (watched.length === 0) return
    const found = await cluster.metadata(
      watched.map(({ topic }) => topic),
      true,
    )
    for (const each of watched) {
      const topic = found.find(({ name }) => name === each.topic)
      if (topic !== undefined) this.#judge(each, topic)
    }
  }

  /** Settles when all of them are there; while one is not, its owner need not try. ERR_KAFKA_TOPIC_MISSING. */
  async untilThere(): Promise<void> {
    for (await this.look(); this.#missingSinceMs.size > 0; await this.look()) {
      await this.#options.cluster.clock.sleep(PAUSE_MS)
    }
  }

  #judge(watched: WatchedTopic, { error, id, partitions }: TopicMetadata): void {
    const { topic } = watched
    const nowMs = this.#options.cluster.clock.monotonicMs()
    if (error === UNKNOWN_TOPIC) {
      const sinceMs = this.#missingSinceMs.get(topic) ?? nowMs
      this.#missingSinceMs.set(topic, sinceMs)
      if (nowMs - sinceMs >= GRACE_MS) throw this.#gone(watched, false)
      return
    }
    this.#missingSinceMs.delete(topic)
    if (error !== 0) return
    const known = this.#ids.get(topic)
    this.#ids.set(topic, known ?? id)
    if (known !== undefined && known !== id) throw this.#gone(watched, true)
    if (partitions.length > watched.partitions) this.#tellOfMore(watched, partitions.length)
  }

  /** Nobody reads partitions that were added to a topic since the start: says so, once for each topic. */
  #tellOfMore({ topic, partitions: known }: WatchedTopic, now: number): void {
    if (this.#told.has(topic)) return
    this.#told.add(topic)
    this.#options.onWarning(
      `topic ${topic} has ${now} partitions now, and had ${known} when the job started: what is in the others ` +
        'is not read or written. Keys may lie in other partitions than before from here on. Stop the job, and make a topic ' +
        'of the new size for a job of another name, or go on with a stream of the old size',
    )
  }

  #gone({ topic, use }: WatchedTopic, isAnother: boolean): TidemarkError {
    const { job } = this.#options
    const what = isAnother ? 'was deleted and made again' : 'was deleted: it is not there any more'
    const text = `topic "${topic}", ${USES[use].is} of job ${job}, ${what}. ${USES[use].next}.`
    return new TidemarkError('ERR_KAFKA_TOPIC_MISSING', text, { details: { stream: topic, job, use } })
  }
}

const ANEW = 'Start the job anew: tidemark reset'

const USES: Readonly<Record<TopicUse, { readonly is: string; readonly next: string }>> = {
  input: {
    is: 'an input',
    next: `Of what it had read nothing is lost; its positions mean nothing in another topic. Make the topic (kafka-topics.sh --create), and start the job anew: tidemark reset`,
  },
  output: {
    is: 'an output',
    next: 'Its state is whole; what it has written there is gone, and is not written again. Make the topic (kafka-topics.sh --create) and start the job again: it goes on where it stood',
  },
  intermediate: {
    is: 'a stream between steps',
    next: `What was on its way in it is lost, and results would lack it. ${ANEW}`,
  },
  state: { is: 'the state', next: `State and positions of all tasks are gone with it. ${ANEW}` },
  control: { is: 'the control topic', next: `Where its sources and sinks stood is gone with it. ${ANEW}` },
}

/** That a topic is not there, met by whoever needs it: the watch tells more of it. */
export function isTopicMissing(error: unknown): boolean {
  return isTidemarkError(error, 'ERR_KAFKA_TOPIC_MISSING')
}
