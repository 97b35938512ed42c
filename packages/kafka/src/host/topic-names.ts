import { lineageStream, type StreamSpec } from 'tidemark/system'

/** The topics of a job beside its inputs and outputs, by name: `<job>.<lineage>.<what>`. */
export interface JobTopics {
  readonly job: string
  readonly lineage: number
}

/** The topic with the deltas and commits of a lineage's tasks. */
export function stateTopic({ job, lineage }: JobTopics): string {
  return `${job}.${lineage}.state`
}

/** The topic with the commits of the job's sources and sinks. */
export function controlTopic(job: string): string {
  return `${job}.control`
}

/** The group under which lag monitors find the job's positions. */
export function positionsGroup(job: string): string {
  return job
}

/** The group in which processes agree on who runs the job. */
export function clusterGroup(job: string): string {
  return `${job}.cluster`
}

/** The topic of a stream: its own name, or for an intermediate stream one of its lineage. */
export function topicOf(job: string, { name, kind }: Pick<StreamSpec, 'name' | 'kind'>): string {
  if (kind === 'user') return name
  const [, plain = name, lineage = '1'] = /^(.*?)(?:@(\d+))?$/.exec(name) ?? []
  return `${job}.${lineage}.${plain.startsWith(`${job}.`) ? plain.slice(job.length + 1) : plain}`
}

/** What ends the name of a stream between steps, and of one between an input and state of another number of tasks. */
const BETWEEN = /\.(repartition|keyed)$/

/** Whether a topic is one between the steps of a lineage. A topic of somebody else may begin as they do. */
export function isBetween({ job, lineage }: JobTopics, topic: string): boolean {
  return topic.startsWith(`${job}.${lineage}.`) && BETWEEN.test(topic)
}

/** The stream that a topic between the steps of a lineage is. */
export function streamBetween({ job, lineage }: JobTopics, topic: string): string {
  return lineageStream(`${job}.${topic.slice(`${job}.${lineage}.`.length)}`, lineage)
}

/** The transactional id under which a producer of a job commits. */
export function transactionalId(job: string, producer: string): string {
  return `tidemark.${job}.${producer}`
}
