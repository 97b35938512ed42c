import type { OutputSpec } from '../api/app.ts'
import type { Job } from '../api/job.ts'
import { type Plan, plan } from '../dsl/plan.ts'
import type { TopologyNode } from '../dsl/topology.ts'
import type { StreamInfo, StreamSpec } from '../log/types.ts'
import type { StreamDef } from '../api/stream.ts'
import type { InputSpecOfTask } from './task.ts'

/** A job's plan with the numbers that hold in this data directory. */
export function jobPlan(
  job: Job,
  options: {
    readonly existing: readonly StreamInfo[]
    readonly defaultPartitions: number
    readonly outputs?: Readonly<Record<string, readonly OutputSpec[]>>
  },
): Plan {
  const partitions: Record<string, number> = {}
  for (const stream of options.existing) partitions[stream.name] = stream.partitions
  return plan(job.topology, {
    partitions,
    defaultPartitions: options.defaultPartitions,
    ...(options.outputs === undefined ? {} : { outputs: options.outputs }),
  })
}

/** Inputs of the tasks, in the order of the topology: sources first, then each stage's intermediate stream. */
export function inputsOf(planned: Plan, streams: ReadonlyMap<string, StreamInfo>): InputSpecOfTask[] {
  const inputs: InputSpecOfTask[] = []
  for (const { stream } of planned.inputs) {
    inputs.push({ stream, info: streams.get(stream.name) as StreamInfo, kind: 'source', producers: 0 })
  }
  for (const { stream } of planned.intermediates) {
    const producers = producersOf(planned, stream.name, streams)
    inputs.push({ stream, info: streams.get(stream.name) as StreamInfo, kind: 'intermediate', producers })
  }
  return inputs
}

/** Tasks that write an intermediate stream: those that own a partition of what flows into it. */
function producersOf(planned: Plan, name: string, streams: ReadonlyMap<string, StreamInfo>): number {
  const { nodes } = planned.topology
  let node: TopologyNode | undefined = nodes.find((n) => n.op === 'repartition' && n.stream.name === name)
  while (node !== undefined && 'input' in node) {
    node = nodes[node.input]
    if (node?.op === 'source' || node?.op === 'repartition')
      return (streams.get(node.stream.name) as StreamInfo).partitions
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
    }),
  }
}
