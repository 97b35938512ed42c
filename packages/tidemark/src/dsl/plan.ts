import type { OutputSpec } from '../api/app.ts'
import type { AnyRemoteTable } from '../api/remote-table.ts'
import type { StoreDef } from '../api/store-def.ts'
import type { StreamDef } from '../api/stream.ts'
import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'
import { insertRepartitions } from './insert-repartitions.ts'
import { NameTable } from './name-table.ts'
import { planHash } from './plan-hash.ts'
import { type Keyed, keyedStreams, keyedWidth, misplacedStreams, repartitionSources } from './repartition-sources.ts'
import { resolveStores } from './resolve-stores.ts'
import type { RepartitionNode, TaskNode, Topology } from './topology.ts'

export interface PlanOptions {
  /** Partitions of streams that exist already, by name: they count, whatever the job says. */
  readonly partitions?: Readonly<Record<string, number>>
  /** Partitions of new streams that declare none (default 4). */
  readonly defaultPartitions?: number
  /** Where outputs go besides the log, by stream name. */
  readonly outputs?: Readonly<Record<string, readonly OutputSpec[]>>
  /** State that goes by the keys of streams has another number of partitions than they have. */
  readonly keyed?: Keyed
}

/** How a job runs: what the topology means for streams, tasks and state. Pure data, but for the user's functions. */
export interface Plan {
  readonly job: string
  /** The topology with its repartitions, and with all that stores need to know. */
  readonly topology: Topology
  /** Task i owns partition i of every input, intermediate stream and store. */
  readonly tasks: number
  readonly inputs: readonly PlannedStream[]
  /** Inputs by whose keys state is kept where they are read: each record must be where the stream's partitioner puts it. */
  readonly placed: ReadonlySet<string>
  readonly intermediates: readonly PlannedStream[]
  readonly outputs: readonly PlannedOutput[]
  readonly stores: readonly PlannedStore[]
  readonly tables: readonly PlannedTable[]
  /** What is allowed, but probably not meant. */
  readonly warnings: readonly string[]
  /**
   * 16 hex digits that change when steps, streams, stores, windows or serdes change; functions' code, partitions and
   * run options do not count. A checkpoint keeps it, to tell that a job is no longer the one that wrote the state.
   */
  readonly hash: string
}

export interface PlannedStream {
  readonly name: string
  readonly stream: StreamDef<unknown, unknown>
  readonly partitions: number
}

/** One place where results go, and how often each result may come there. */
export interface PlannedOutput {
  /** The stream's name, or the step's for forEach. */
  readonly name: string
  readonly to: 'stream' | 'file' | 'stdout' | 'forEach'
  /** Of a file. */
  readonly path: string | null
  /** Of a stream. */
  readonly stream: StreamDef<unknown, unknown> | null
  readonly partitions: number | null
  readonly guarantee: 'exactly-once' | 'at-least-once'
}

export interface PlannedStore {
  readonly name: string
  readonly store: StoreDef
  /** The step that writes it. */
  readonly by: string
}

/** A remote table, and what may be done with it: nothing fences writes to it, so that a replaced owner may still write. */
export interface PlannedTable {
  readonly name: string
  readonly table: AnyRemoteTable
  /** The steps that use it. */
  readonly by: readonly string[]
  /** Only handlers of a low-level task write. */
  readonly access: 'read' | 'read-write'
}

const DEFAULT_PARTITIONS = 4

/**
 * Decides how a topology runs: puts in repartitions where a key changed, counts tasks, gives window stores their
 * retention, and says what holds for each output. Pure. Errors: ERR_JOB_DUPLICATE, ERR_JOB_RETENTION, ERR_OPTION.
 */
export function plan(topology: Topology, options: PlanOptions = {}): Plan {
  const declared = resolveStores(insertRepartitions(topology))
  const inputs = unique(inputsOf(declared)).map((stream) => planned(declared.job, stream, options))
  const widths = widthsOf(declared, inputs, options.keyed)
  const full = widths.size === 0 ? declared : repartitionSources(declared, widths)
  new NameTable(full.job).addTopology(full)
  const widest = options.keyed?.after ?? Math.max(...inputs.map((input) => input.partitions))
  const intermediates = full.nodes
    .filter((node): node is RepartitionNode => node.op === 'repartition')
    .map(({ stream }) => ({
      name: stream.name,
      stream,
      partitions: options.partitions?.[stream.name] ?? stream.partitions ?? widest,
    }))
  const outputs = outputsOf(full, options)
  return Object.freeze({
    job: full.job,
    topology: full,
    tasks: Math.max(...[...inputs, ...intermediates].map((stream) => stream.partitions)),
    inputs,
    placed: placedOf(declared, widths),
    intermediates,
    outputs,
    stores: storesOf(full),
    tables: tablesOf(full),
    warnings: [...partitionWarnings(declared, inputs), ...loopWarnings(inputs, outputs)],
    hash: planHash(declared),
  })
}

/** The inputs whose state is elsewhere than their records, and how many partitions it has. */
function widthsOf(topology: Topology, inputs: readonly PlannedStream[], keyed: Keyed | undefined): Map<string, number> {
  const misplaced = misplacedStreams(topology)
  const widths = new Map<string, number>()
  for (const { name, partitions, stream } of inputs) {
    const width = keyed === undefined ? partitions : keyedWidth(partitions, keyed)
    // A savepoint that was made anew for other tasks has put keys where murmur2 does.
    const isMoved = keyed !== undefined && stream.partitioner !== 'murmur2'
    if (width !== partitions || isMoved || misplaced.has(name)) widths.set(name, width)
  }
  return widths
}

/** Inputs whose records must be where their partitioner puts them, since state by their keys is in the task that reads them. */
function placedOf(topology: Topology, moved: ReadonlyMap<string, number>): Set<string> {
  const placed = keyedStreams(topology)
  for (const name of moved.keys()) placed.delete(name)
  return placed
}

function planned(job: string, stream: StreamDef<unknown, unknown>, options: PlanOptions): PlannedStream {
  const existing = options.partitions?.[stream.name]
  const partitions = existing ?? stream.partitions ?? options.defaultPartitions ?? DEFAULT_PARTITIONS
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw new TidemarkError(
      'ERR_OPTION',
      `job ${job}: stream ${stream.name} cannot have ${showValue(partitions)} partitions: pass a whole number from 1`,
    )
  }
  return { name: stream.name, stream, partitions }
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)]
}

function inputsOf(topology: Topology): StreamDef<unknown, unknown>[] {
  return topology.nodes.flatMap((node) => {
    if (node.op === 'source') return [node.stream]
    return node.op === 'task' ? Object.values(node.task.inputs) : []
  })
}

function storesOf(topology: Topology): PlannedStore[] {
  return topology.nodes.flatMap((node) => {
    if (node.op === 'task') {
      return Object.values(node.task.stores).map((store) => ({ name: store.name, store, by: node.name }))
    }
    return 'store' in node ? [{ name: node.store.name, store: node.store, by: node.name }] : []
  })
}

function tablesOf(topology: Topology): PlannedTable[] {
  const uses = topology.nodes.flatMap((node) => {
    if (node.op === 'lookup') return [{ table: node.table, by: node.name, writes: false }]
    if (node.op !== 'task') return []
    return Object.values(node.task.tables).map((table) => ({ table, by: node.name, writes: table.writable }))
  })
  return unique(uses.map(({ table }) => table)).map((table) => {
    const own = uses.filter((use) => use.table === table)
    const access = own.some(({ writes }) => writes) ? 'read-write' : 'read'
    return { name: table.name, table, by: unique(own.map(({ by }) => by)), access }
  })
}

function outputsOf(topology: Topology, options: PlanOptions): PlannedOutput[] {
  const streams = topology.nodes.flatMap((node) => {
    if (node.op === 'sink') return [node.stream]
    return node.op === 'task' ? Object.values(node.task.outputs) : []
  })
  const outputs: PlannedOutput[] = []
  for (const stream of unique(streams)) {
    const { name, partitions } = planned(topology.job, stream, options)
    outputs.push({ name, to: 'stream', path: null, stream, partitions, guarantee: 'exactly-once' })
    for (const { path } of options.outputs?.[name] ?? []) outputs.push(outside(name, path))
  }
  for (const node of topology.nodes) {
    if (node.op !== 'forEach') continue
    const none = { path: null, stream: null, partitions: null }
    outputs.push({ name: node.name, to: 'forEach', ...none, guarantee: 'at-least-once' })
  }
  return outputs
}

// A file is cut back to the committed length at a restart; what went to standard output cannot be taken back.
function outside(name: string, path: string): PlannedOutput {
  const none = { stream: null, partitions: null }
  return path === '-'
    ? { name, to: 'stdout', path: null, ...none, guarantee: 'at-least-once' }
    : { name, to: 'file', path, ...none, guarantee: 'exactly-once' }
}

function partitionWarnings(topology: Topology, inputs: readonly PlannedStream[]): string[] {
  const task = topology.nodes.find((node): node is TaskNode => node.op === 'task')
  if (task === undefined || Object.keys(task.task.stores).length === 0) return []
  if (new Set(inputs.map((input) => input.partitions)).size < 2) return []
  const counts = inputs.map((input) => `${input.name} has ${input.partitions}`).join(', ')
  return [
    `The inputs have different numbers of partitions (${counts}), so messages of one key may go to different tasks, ` +
      `each with a state of its own. Give the streams the same number of partitions.`,
  ]
}

function loopWarnings(inputs: readonly PlannedStream[], outputs: readonly PlannedOutput[]): string[] {
  const read = new Set(inputs.map((input) => input.name))
  return outputs
    .filter((output) => output.to === 'stream' && read.has(output.name))
    .map((output) => `The job reads ${output.name} and writes to it: it may feed itself for ever.`)
}
