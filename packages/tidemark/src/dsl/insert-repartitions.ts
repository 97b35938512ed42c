import type { StreamDef } from '../api/stream.ts'
import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import { valueSerdeOf } from './topology-builder.ts'
import type { RekeyNode, RepartitionNode, Topology, TopologyNode } from './topology.ts'

/**
 * Follows each rekey with a repartition, and makes one of those that set the same key on the same flow. A groupByKey has
 * no rekey, so nothing is moved for it.
 */
export function insertRepartitions(topology: Topology): Topology {
  const nodes: TopologyNode[] = []
  // From an id in the given topology to the id of the node that its followers read from now.
  const after: number[] = []
  for (const node of topology.nodes) {
    const input = 'input' in node ? (after[node.input] as number) : -1
    if (node.op === 'rekey') {
      after.push(findShared(nodes, node, input) ?? addRepartition(topology.job, nodes, node, input))
      continue
    }
    const id = nodes.length
    nodes.push(Object.freeze('input' in node ? { ...node, id, input } : { ...node, id }))
    after.push(id)
  }
  return Object.freeze({ job: topology.job, nodes: Object.freeze(nodes) })
}

function findShared(nodes: readonly TopologyNode[], rekey: RekeyNode, input: number): number | undefined {
  const same = nodes.find(
    (node) =>
      node.op === 'rekey' &&
      node.input === input &&
      node.fn === rekey.fn &&
      sameSerde(node.key, rekey.key) &&
      sameSerde(node.value, rekey.value),
  )
  return same === undefined ? undefined : nodes.find((node) => node.op === 'repartition' && node.input === same.id)?.id
}

function sameSerde(a: Serde<unknown> | null, b: Serde<unknown> | null): boolean {
  return a === b || (a !== null && b !== null && a.name === 'string' && b.name === 'string')
}

function addRepartition(job: string, nodes: TopologyNode[], rekey: RekeyNode, input: number): number {
  const rekeyId = nodes.length
  nodes.push(Object.freeze({ ...rekey, id: rekeyId, input }))
  const own = valueSerdeOf(nodes, input)
  const value = rekey.value ?? own ?? json()
  const node: RepartitionNode = {
    op: 'repartition',
    id: rekeyId + 1,
    name: `${rekey.name}.repartition`,
    input: rekeyId,
    stream: intermediate(`${job}.${rekey.name}.repartition`, rekey.key, value),
    raw: value === own && carriesSource(nodes, input),
  }
  nodes.push(Object.freeze(node))
  return node.id
}

// True if what flows after a node still has the bytes that a stream brought.
function carriesSource(nodes: readonly TopologyNode[], id: number): boolean {
  let node = nodes[id] as TopologyNode
  while (node.op === 'filter' || node.op === 'rekey') node = nodes[node.input] as TopologyNode
  return node.op === 'source' || node.op === 'repartition'
}

function intermediate(name: string, key: Serde<unknown>, value: Serde<unknown>): StreamDef<unknown, unknown> {
  return Object.freeze({
    kind: 'stream' as const,
    name,
    key,
    value,
    // The record's own timestamp carries the event time that the source found.
    time: null,
    partitions: null,
    retentionMs: null,
    outOfOrderMs: 0,
    partitioner: 'murmur2' as const,
  })
}
