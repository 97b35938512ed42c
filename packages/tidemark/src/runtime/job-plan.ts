import type { OutputSpec } from '../api/app.ts'
import type { Job } from '../api/job.ts'
import { type Plan, plan } from '../dsl/plan.ts'
import { lineageStream, plannedStream } from '../checkpoint/lineage.ts'
import type { Keyed } from '../dsl/repartition-sources.ts'
import type { TopologyNode } from '../dsl/topology.ts'
import type { StreamInfo, StreamSpec } from '../log/types.ts'
import type { StreamDef } from '../api/stream.ts'
import type { InputSpecOfTask } from './task-inputs.ts'

/** A job's plan with the numbers that hold in this data directory. */
export function jobPlan(
  job: Job,
  options: {
    readonly existing: readonly StreamInfo[]
    readonly defaultPartitions: number
    readonly outputs?: Readonly<Record<string, readonly OutputSpec[]>>
    /** The number of the current lineage (default 1). */
    readonly lineage?: number
    /** Of the lineage. */
    readonly keyed?: Keyed | undefined
  },
): Plan {
  const { lineage = 1 } = options
  const partitions: Record<string, number> = {}
  for (const { name, kind, partitions: count } of options.existing) {
    // The plan knows its intermediate streams by names without a lineage; those of other lineages are none of its own.
    if (kind === 'user') partitions[name] = count
    else if (name === lineageStream(plannedStream(name), lineage)) partitions[plannedStream(name)] = count
  }
  const planned = plan(job.topology, {
    partitions,
    defaultPartitions: options.defaultPartitions,
    ...(options.outputs === undefined ? {} : { outputs: options.outputs }),
    ...(options.keyed === undefined ? {} : { keyed: options.keyed }),
  })
  return lineage === 1 ? planned : inLineage(planned, lineage)
}

/** The plan with intermediate streams of a lineage of its own. */
function inLineage(planned: Plan, lineage: number): Plan {
  const renamed = (stream: StreamDef<unknown, unknown>): StreamDef<unknown, unknown> => ({
    ...stream,
    name: lineageStream(stream.name, lineage),
  })
  const between = new Set(planned.intermediates.map(({ name }) => name))
  const nodes = planned.topology.nodes.map((node) => {
    if (node.op === 'repartition') return { ...node, stream: renamed(node.stream) }
    if (node.op !== 'task') return node
    const inputs = Object.entries(node.task.inputs).map(([name, stream]) => {
      return [name, between.has(stream.name) ? renamed(stream) : stream] as const
    })
    return { ...node, task: { ...node.task, inputs: Object.fromEntries(inputs) } }
  })
  const intermediates = planned.intermediates.map((each) => {
    const stream = renamed(each.stream)
    return { ...each, name: stream.name, stream }
  })
  return { ...planned, topology: { ...planned.topology, nodes }, intermediates }
}

/** Inputs of the tasks, in the order of the topology: sources first, then each stage's intermediate stream. */
export function inputsOf(planned: Plan, streams: ReadonlyMap<string, StreamInfo>): InputSpecOfTask[] {
  const inputs: InputSpecOfTask[] = []
  for (const { stream } of planned.inputs) {
    const placed = planned.placed.has(stream.name)
    inputs.push({ stream, info: streams.get(stream.name) as StreamInfo, kind: 'source', producers: 0, placed })
  }
  for (const { stream } of planned.intermediates) {
    const producers = producersOf(planned, stream.name, streams)
    inputs.push({
      stream,
      info: streams.get(stream.name) as StreamInfo,
      kind: 'intermediate',
      producers,
      placed: false,
    })
  }
  return inputs
}

/** Tasks that write an intermediate stream: those that own a partition of what flows into it. */
export function producersOf(
  planned: Plan,
  name: string,
  streams: ReadonlyMap<string, Pick<StreamInfo, 'partitions'>>,
): number {
  const { nodes } = planned.topology
  let node: TopologyNode | undefined = nodes.find((n) => n.op === 'repartition' && n.stream.name === name)
  while (node !== undefined && 'input' in node) {
    node = nodes[node.input]
    if (node?.op === 'source' || node?.op === 'repartition')
      return (streams.get(node.stream.name) as Pick<StreamInfo, 'partitions'>).partitions
  }
  return 0
}

/** How a stream of the job is made in the log. */
export function streamSpec(
  stream: StreamDef<unknown, unknown>,
  partitions: number,
  kind: StreamSpec['kind'],
): StreamSpec {
  return {
    name: stream.name,
    partitions,
    kind,
    retentionMs: stream.retentionMs,
    retentionBytes: null,
    meta: JSON.stringify({
      key: stream.key.name,
      keyVersion: stream.key.version,
      value: stream.value.name,
      valueVersion: stream.value.version,
      ...(stream.partitioner === 'murmur2'
        ? {}
        : { partitioner: typeof stream.partitioner === 'function' ? 'function' : stream.partitioner }),
    }),
  }
}
