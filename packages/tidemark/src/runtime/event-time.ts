import type { TopologyNode } from '../dsl/topology.ts'
import type { StoreTime, TaskClock } from '../store/task-clock.ts'
import type { Input } from './input.ts'
import { storeSpecs } from './store-specs.ts'

/**
 * The event time of a store whose entries have a TTL by it: the greatest time of a record so far among those that its stage
 * takes; with several inputs, the least of theirs, of those that had one. A record's own time counts for itself. It depends
 * on the records and their order only, so that a replay finds the same entries ended, however they came in portions.
 */
export class EventTime {
  readonly #time: StoreTime
  readonly #newest: number[] = []

  constructor(time: StoreTime) {
    this.#time = time
  }

  /** An input that takes part; returns its number. */
  join(newestMs: number): number {
    this.#newest.push(newestMs)
    return this.#newest.length - 1
  }

  moved(input: number, newestMs: number): void {
    const all = this.#newest
    if (newestMs <= (all[input] as number)) return
    all[input] = newestMs
    let least = newestMs
    for (const other of all) if (other < least && Number.isFinite(other)) least = other
    if (least > this.#time.ms) this.#time.ms = least
  }
}

/** Connects the inputs of a task with the event times of the stores that stand behind them. */
export function connectEventTimes(nodes: readonly TopologyNode[], inputs: readonly Input[], clock: TaskClock): void {
  for (const { name, ttl } of storeSpecs(nodes)) {
    if (ttl?.time !== 'event') continue
    const eventTime = new EventTime(clock.timeOf(name))
    const streams = streamsInto(nodes, name)
    for (const input of inputs) if (streams.has(input.origin.stream)) input.tells(eventTime)
  }
}

/** The streams whose records a store's operator takes. */
function streamsInto(nodes: readonly TopologyNode[], store: string): ReadonlySet<string> {
  const streams = new Set<string>()
  for (const node of nodes) {
    if (node.op === 'task') {
      if (!Object.values(node.task.stores).some(({ name }) => name === store)) continue
      for (const { name } of Object.values(node.task.inputs)) streams.add(name)
    } else if ((node.op === 'aggregate' || node.op === 'table') && node.store.name === store) {
      streams.add(streamInto(nodes, node.input))
    }
  }
  return streams
}

/** The stream that a node's records come from: the stage's own. */
export function streamInto(nodes: readonly TopologyNode[], id: number): string {
  let node = nodes[id] as TopologyNode
  while (node.op !== 'source' && node.op !== 'repartition')
    node = nodes[(node as { input: number }).input] as TopologyNode
  return node.stream.name
}
