import type { PartitionMetadata, TopicMetadata } from '../wire/metadata.ts'

export interface Leader {
  readonly node: number
  readonly leaderEpoch: number
}

/**
 * What is known of topics. A broker that lags behind may answer with an older leader than one that was heard before: per
 * partition the higher leader epoch stays, as long as the topic is the same one (by id).
 */
export class TopicCache {
  readonly #topics = new Map<string, TopicMetadata>()

  get(topic: string): TopicMetadata | undefined {
    return this.#topics.get(topic)
  }

  nameOf(topicId: string): string | null {
    for (const topic of this.#topics.values()) if (topic.id === topicId) return topic.name
    return null
  }

  forget(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Takes an answer and returns what is to be believed. A topic with an error is not kept. */
  take(answer: TopicMetadata): TopicMetadata {
    if (answer.error !== 0) {
      this.#topics.delete(answer.name)
      return answer
    }
    const before = this.#topics.get(answer.name)
    const topic = before === undefined || before.id !== answer.id ? answer : merge(before, answer)
    this.#topics.set(answer.name, topic)
    return topic
  }
}

function merge(before: TopicMetadata, answer: TopicMetadata): TopicMetadata {
  const known = new Map<number, PartitionMetadata>()
  for (const partition of before.partitions) known.set(partition.partition, partition)
  const partitions = answer.partitions.map((each) => {
    const old = known.get(each.partition)
    return old !== undefined && old.leaderEpoch > each.leaderEpoch ? old : each
  })
  return { ...answer, partitions }
}
