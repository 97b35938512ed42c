import { showDuration } from '../api/duration.ts'
import type { StoreDef } from '../api/store-def.ts'
import { TidemarkError } from '../errors/error.ts'
import type { TaskNode, Topology, TopologyNode, WindowSpec } from './topology.ts'

const DAY_MS = 86_400_000

/** Tells each windows store its window size and, where the user gave none, its retention. Throws ERR_JOB_RETENTION. */
export function resolveStores(topology: Topology): Topology {
  const nodes = topology.nodes.map((node): TopologyNode => {
    if (node.op === 'aggregate') return { ...node, store: resolve(topology.job, node.store, node.window, node.name) }
    if (node.op === 'table') {
      return { ...node, store: resolve(topology.job, node.store, windowAbove(topology, node), node.name) }
    }
    if (node.op === 'task') assertRetentions(topology.job, node)
    return node
  })
  return Object.freeze({ job: topology.job, nodes: Object.freeze(nodes.map((node) => Object.freeze(node))) })
}

function resolve(job: string, store: StoreDef, window: WindowSpec | null, by: string): StoreDef {
  if (store.kind !== 'windows') return store
  if (window === null) {
    if (store.retentionGiven === false) throw missing(job, store, by)
    return store
  }
  const { sizeMs, graceMs } = window
  const retentionMs = store.retentionGiven === false ? Math.max(DAY_MS, sizeMs + graceMs) : store.retentionMs
  if (retentionMs !== null && retentionMs < graceMs) {
    throw new TidemarkError(
      'ERR_JOB_RETENTION',
      `job ${job}: store ${store.name} keeps entries for ${showDuration(retentionMs)} after their window's end, but ` +
        `${by} takes late messages for ${showDuration(graceMs)}. Give it a retention of ${showDuration(graceMs)} or more`,
    )
  }
  return Object.freeze({ ...store, windowSizeMs: sizeMs, retentionMs })
}

function windowAbove(topology: Topology, from: TopologyNode): WindowSpec | null {
  let node: TopologyNode | undefined = from
  while (node !== undefined) {
    if (node.op === 'aggregate') return node.window
    node = 'input' in node ? topology.nodes[node.input] : undefined
  }
  return null
}

function assertRetentions(job: string, node: TaskNode): void {
  for (const store of Object.values(node.task.stores)) {
    if (store.kind === 'windows' && store.retentionGiven === false) throw missing(job, store, node.name)
  }
}

function missing(job: string, store: StoreDef, by: string): TidemarkError {
  return new TidemarkError(
    'ERR_JOB_RETENTION',
    `job ${job}: ${by} writes the windows store ${store.name}, and no window says how long its entries are of use. ` +
      `Add a retention, as in windows('${store.name}', { ..., retention: '2d' }), or 'forever'`,
  )
}
