import type { TopicPartition, TopicPartitions } from '../wire/api.ts'

/** Partitions grouped by their topics, as requests have them; each once. */
export function byTopic(partitions: readonly TopicPartition[]): TopicPartitions<number>[] {
  const topics = new Map<string, Set<number>>()
  for (const { topic, partition } of partitions) {
    const known = topics.get(topic)
    if (known === undefined) topics.set(topic, new Set([partition]))
    else known.add(partition)
  }
  return [...topics].map(([topic, numbers]) => ({ topic, partitions: [...numbers] }))
}
