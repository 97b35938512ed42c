import type { ListedStream } from 'tidemark/system'
import { controlTopic } from '../host/topic-names.ts'

/** What a topic is to a job of Tidemark. */
export type TopicOwner = Pick<ListedStream, 'kind' | 'job'>

const SHARED: TopicOwner = { kind: 'user', job: null }
const STATE = /^(.+)\.(\d+)\.state$/
/** What ends the name of a stream between steps, and of one between an input and state of another number of tasks. */
const BETWEEN = /\.(repartition|keyed)$/

/**
 * Whose own each topic is, by its name: every job has a state topic for each of its lineages, `<job>.<lineage>.state`, and
 * the others of the job bear the same names. Pure.
 */
export function topicOwners(topics: readonly string[]): ReadonlyMap<string, TopicOwner> {
  const lineages = topics.flatMap((topic) => {
    const [, job = '', lineage = ''] = STATE.exec(topic) ?? []
    return job === '' ? [] : [{ job, prefix: `${job}.${lineage}.` }]
  })
  return new Map(
    topics.map((topic): [string, TopicOwner] => {
      const state = STATE.exec(topic)?.[1]
      if (state !== undefined) return [topic, { kind: 'state', job: state }]
      const control = lineages.find(({ job }) => topic === controlTopic(job))
      if (control !== undefined) return [topic, { kind: 'control', job: control.job }]
      // A topic of somebody else may begin so: it must never be taken for the job's.
      const own = lineages.find(({ prefix }) => topic.startsWith(prefix) && BETWEEN.test(topic))
      return [topic, own === undefined ? SHARED : { kind: 'intermediate', job: own.job }]
    }),
  )
}
