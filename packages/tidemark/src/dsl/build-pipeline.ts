import type { PipelineFunction } from '../api/flow.ts'
import { TidemarkError } from '../errors/error.ts'
import { FlowBuilder } from './flow-builder.ts'
import { TopologyBuilder } from './topology-builder.ts'
import type { Topology, TopologyNode } from './topology.ts'

const ENDS: ReadonlySet<string> = new Set(['sink', 'table', 'forEach', 'aggregate', 'task'])

/** Runs the user's function once, to see what it builds. */
export function buildPipeline(job: string, define: PipelineFunction): Topology {
  const topology = new TopologyBuilder(job)
  const returned: unknown = define({
    from: (stream) => new FlowBuilder(topology, topology.source(stream)) as never,
  })
  if (returned instanceof Promise) {
    returned.catch(() => undefined)
    throw new TidemarkError('ERR_JOB_DEFINITION', `job ${job}: the pipeline function is async, but must be synchronous`)
  }
  const built = topology.finish()
  if (built.nodes.length === 0) {
    throw new TidemarkError('ERR_JOB_EMPTY', `job ${job} reads nothing: start with job.from(stream)`)
  }
  assertEnds(built)
  return built
}

function assertEnds(topology: Topology): void {
  const followed = new Set(topology.nodes.flatMap((node) => ('input' in node ? [node.input] : [])))
  const loose = topology.nodes.filter((node) => !ENDS.has(node.op) && !followed.has(node.id))
  if (loose.length === 0) return
  const names = loose.map((node) => pathTo(topology, node)).join('; ')
  throw new TidemarkError(
    'ERR_JOB_NO_END',
    `job ${topology.job}: nothing follows ${names}. End each pipeline with .to, .forEach, .toTable or an aggregate`,
  )
}

function pathTo(topology: Topology, node: TopologyNode): string {
  const names: string[] = []
  let at: TopologyNode | undefined = node
  while (at !== undefined) {
    names.unshift(at.op === 'source' ? `from(${at.stream.name})` : at.name)
    at = 'input' in at ? topology.nodes[at.input] : undefined
  }
  return names.join(' > ')
}
