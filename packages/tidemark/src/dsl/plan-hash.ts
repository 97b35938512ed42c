import { createHash } from 'node:crypto'
import type { StoreDef } from '../api/store-def.ts'
import type { StreamDef } from '../api/stream.ts'
import type { Serde } from '../serde/serde.ts'
import type { TaskNode, Topology, TopologyNode } from './topology.ts'

const DIGITS = 16

/** The first 16 hex digits of a SHA-256 over the shape of a topology (see Plan.hash). */
export function planHash(topology: Topology): string {
  const shape = JSON.stringify([topology.job, topology.nodes.map(shapeOf)])
  return createHash('sha256').update(shape).digest('hex').slice(0, DIGITS)
}

function shapeOf(node: TopologyNode): unknown {
  const shape: unknown[] = [node.op, node.name, 'input' in node ? node.input : null]
  if ('stream' in node) shape.push(streamShape(node.stream))
  if ('store' in node) shape.push(storeShape(node.store))
  if (node.op === 'aggregate') shape.push(node.kind, node.window)
  // Only where it is not the default, so that other plans keep the hash they have always had.
  if (node.op === 'aggregate' && node.emit !== 'update') shape.push(node.emit)
  if (node.op === 'lookup') shape.push(node.table.name)
  if (node.op === 'task') shape.push(taskShape(node))
  return shape
}

function taskShape({ task }: TaskNode): unknown {
  return [
    named(task.inputs, streamShape),
    named(task.outputs, streamShape),
    named(task.stores, storeShape),
    named(task.timers, (timer) => [timer.time, serdeShape(timer.key)]),
  ]
}

function named<T>(part: Readonly<Record<string, T>>, shape: (value: T) => unknown): unknown {
  return Object.entries(part)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, shape(value)])
}

function streamShape(stream: StreamDef<unknown, unknown>): unknown {
  const shape: unknown[] = [stream.name, serdeShape(stream.key), serdeShape(stream.value)]
  // Only where it is not the default, so that other plans keep the hash they have always had.
  const { partitioner } = stream
  if (partitioner !== 'murmur2') shape.push(typeof partitioner === 'function' ? 'function' : partitioner)
  return shape
}

function storeShape(store: StoreDef): unknown {
  const shape = [store.name, store.kind, serdeShape(store.key), serdeShape(store.value), store.windowSizeMs]
  // Only where there is one, so that other plans keep the hash they have always had.
  if (store.gapMs !== undefined && store.gapMs !== null) shape.push(store.gapMs)
  if (store.ttl !== undefined && store.ttl !== null) shape.push(store.ttl.time)
  return shape
}

function serdeShape(serde: Serde<unknown>): unknown {
  return [serde.name, serde.version]
}
