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

/** Streams by whose own keys a step keeps state: where their records are decides which task has it. */
export function keyedStreams({ nodes }: Topology): Set<string> {
  const names = nodes.flatMap((node) => {
    if (node.op === 'source') return keepsByOwnKeys(nodes, node) ? [node.stream.name] : []
    return node.op === 'task' && keepsByKey(node) ? Object.values(node.task.inputs).map(({ name }) => name) : []
  })
  return new Set(names)
}

function keepsByKey({ task }: TaskNode): boolean {
  const stores = Object.values(task.stores).filter(({ partitionBy }) => partitionBy !== 'opaque')
  return stores.length > 0 || Object.keys(task.timers).length > 0
}

/**
 * Keyed streams whose records are not where the state's keys belong: nobody knows how they came to their partitions, or a task
 * with state reads others too, whose keys go another way.
 */
export function misplacedStreams(topology: Topology): Set<string> {
  const misplaced = new Set<string>()
  const keyed = keyedStreams(topology)
  for (const node of topology.nodes) {
    if (node.op === 'source' && node.stream.partitioner === 'unknown') misplaced.add(node.stream.name)
    if (node.op !== 'task') continue
    const inputs = Object.values(node.task.inputs)
    const isMixed = new Set(inputs.map(({ partitioner }) => partitioner)).size > 1
    for (const { name, partitioner } of inputs) {
      if (partitioner === 'unknown' || (isMixed && partitioner !== 'murmur2')) misplaced.add(name)
    }
  }
  return new Set([...misplaced].filter((name) => keyed.has(name)))
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
    partitioner: 'murmur2',
    partitions: width,
    retentionMs: null,
  }
  return { op: 'repartition', id: 0, name: `${stream.name}.keyed`, input, stream: between, raw: true, whole: true }
}
