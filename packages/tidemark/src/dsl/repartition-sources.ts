import type { StreamDef } from '../api/stream.ts'
import type { RepartitionNode, SourceNode, TaskNode, Topology, TopologyNode } from './topology.ts'

/** Keyed state has another number of partitions than the streams that are there: see Lineage. */
export interface Keyed {
  /** Of the widest streams that the job reads. */
  readonly before: number
  /** Of the state that was kept by their keys. */
  readonly after: number
}

/** How many partitions the state has that goes by the keys of a stream of so many. */
export function keyedWidth(partitions: number, { before, after }: Keyed): number {
  return partitions === before ? after : Math.min(partitions, after)
}

/**
 * Puts a repartition between streams and the steps that keep state by the streams' own keys, where state and stream have
 * different numbers of partitions. Records go on as they came: with their keys, values and headers, or without a key.
 * `widths`: by stream, how many partitions its state has.
 */
export function repartitionSources(topology: Topology, widths: ReadonlyMap<string, number>): Topology {
  const nodes: TopologyNode[] = []
  const after: number[] = []
  const push = (node: TopologyNode): number => nodes.push(Object.freeze({ ...node, id: nodes.length })) - 1
  for (const node of topology.nodes) {
    if (node.op === 'task') {
      after.push(push(behindSources(topology.job, node, widths, push)))
      continue
    }
    const id = push('input' in node ? { ...node, input: after[node.input] as number } : node)
    const width = node.op === 'source' ? widths.get(node.stream.name) : undefined
    const moved = width !== undefined && node.op === 'source' && keepsByOwnKeys(topology.nodes, node)
    after.push(moved ? push(repartition(topology.job, node.stream, id, width)) : id)
  }
  return Object.freeze({ job: topology.job, nodes: Object.freeze(nodes) })
}

/** A step keeps state by the keys that the stream's records came with. */
function keepsByOwnKeys(nodes: readonly TopologyNode[], source: SourceNode): boolean {
  return nodes.some((node) => {
    if (node.op !== 'aggregate' && node.op !== 'table') return false
    let above = nodes[node.input] as TopologyNode
    while ('input' in above && above.op !== 'repartition') above = nodes[above.input] as TopologyNode
    return above === source
  })
}

function behindSources(
  job: string,
  node: TaskNode,
  widths: ReadonlyMap<string, number>,
  push: (node: TopologyNode) => number,
): TaskNode {
  const { task } = node
  if (Object.keys(task.stores).length === 0 && Object.keys(task.timers).length === 0) return node
  const inputs = Object.entries(task.inputs).map(([name, stream]) => {
    const width = widths.get(stream.name)
    if (width === undefined) return [name, stream] as const
    const input = push({ op: 'source', id: 0, name: `${stream.name}.source`, stream })
    const between = repartition(job, stream, input, width)
    push(between)
    return [name, between.stream] as const
  })
  return { ...node, task: { ...task, inputs: Object.fromEntries(inputs) } }
}

function repartition(job: string, stream: StreamDef<unknown, unknown>, input: number, width: number): RepartitionNode {
  const between: StreamDef<unknown, unknown> = {
    ...stream,
    name: `${job}.${stream.name}.keyed`,
    // The record's own timestamp carries the event time that the source found.
    time: null,
    outOfOrderMs: 0,
    partitions: width,
    retentionMs: null,
  }
  return { op: 'repartition', id: 0, name: `${stream.name}.keyed`, input, stream: between, raw: true, whole: true }
}
