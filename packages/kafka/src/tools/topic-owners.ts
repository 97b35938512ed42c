import type { ListedStream } from 'tidemark/system'
import { controlTopic, isBetween } from '../host/topic-names.ts'

/** What a topic is to a job of Tidemark. */
export type TopicOwner = Pick<ListedStream, 'kind' | 'job'>

const SHARED: TopicOwner = { kind: 'user', job: null }
const STATE = /^(.+)\.(\d+)\.state$/

/**
 * Whose own each topic is, by its name: every job has a state topic for each of its lineages, `<job>.<lineage>.state`, and
 * the others of the job bear the same names. Pure.
 */
export function topicOwners(topics: readonly string[]): ReadonlyMap<string, TopicOwner> {
  const lineages = topics.flatMap((topic) => {
    const [, job = '', lineage = ''] = STATE.exec(topic) ?? []
    return job === '' ? [] : [{ job, lineage: Number(lineage) }]
  })
  return new Map(
    topics.map((topic): [string, TopicOwner] => {
      const state = STATE.exec(topic)?.[1]
      if (state !== undefined) return [topic, { kind: 'state', job: state }]
      const control = lineages.find(({ job }) => topic === controlTopic(job))
      if (control !== undefined) return [topic, { kind: 'control', job: control.job }]
      const own = lineages.find((lineage) => isBetween(lineage, topic))
      return [topic, own === undefined ? SHARED : { kind: 'intermediate', job: own.job }]
    }),
  )
}
