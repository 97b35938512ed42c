import type { StreamDef } from '../api/stream.ts'
import type { ProducerMark } from '../checkpoint/marks.ts'
import type { AggregateNode, LookupNode, RepartitionNode, TableNode, TaskNode, TopologyNode } from '../dsl/topology.ts'
import type { StreamInfo } from '../log/types.ts'
import type { Origin } from './message.ts'
import { CountOperator, FoldOperator, foldOf, TableOperator } from './operators/aggregate.ts'
import { LatestOperator } from './operators/latest.ts'
import { LookupOperator } from './operators/lookup.ts'
import { FanOut, NOTHING, type Operator } from './operators/operator.ts'
import { RepartitionOperator, SinkOperator } from './operators/outputs.ts'
import { FilterOperator, FlatMapOperator, ForEachOperator, MapOperator, RekeyOperator } from './operators/stateless.ts'
import { TaskContext } from './operators/task-context.ts'
import { TaskOperator } from './operators/task-operator.ts'
import { WindowOperator, WindowTableOperator } from './operators/window.ts'
import { partitionRule } from './partition-check.ts'
import type { TaskScope } from './scope.ts'
import { pendingSpec, timerSpec } from './store-specs.ts'
import { TimerQueue } from './timers.ts'

/** The operators of one task, ready to take records. */
export interface Compiled {
  /** By the name of the input stream, intermediate ones included: where its records go in. */
  readonly roots: ReadonlyMap<string, Operator>
  readonly repartitions: readonly RepartitionOperator[]
  /** Those nearer to the end first. */
  readonly lookups: readonly LookupOperator[]
  /** Those nearer to the source first: what they emit may change what others have. */
  readonly latest: readonly LatestOperator[]
  readonly tasks: readonly TaskOperator[]
  /** By input stream: told of decoded keys, so that stores need not encode them again. */
  readonly onKey: (stream: string) => Origin['onKey']
}

export interface CompileOptions {
  readonly nodes: readonly TopologyNode[]
  readonly scope: TaskScope
  readonly stream: (name: string) => StreamInfo
  /** How many tasks write an intermediate stream. */
  readonly producers: (stream: string) => number
  /** Last marks sent, of the checkpoint. */
  readonly sent: Readonly<Record<string, ProducerMark>>
}

/** Makes one task's operators of the planned topology. */
export function compile(options: CompileOptions): Compiled {
  return new Compiler(options).run()
}

class Compiler {
  readonly #options: CompileOptions
  readonly #roots = new Map<string, Operator[]>()
  readonly #repartitions: RepartitionOperator[] = []
  readonly #lookups: LookupOperator[] = []
  readonly #latest: LatestOperator[] = []
  readonly #tasks: TaskOperator[] = []
  readonly #contexts: {
    readonly context: TaskContext
    readonly inputs: ReadonlyMap<string, StreamDef<unknown, unknown>>
  }[] = []
  readonly #dropped: () => void
  readonly #late: () => void

  constructor(options: CompileOptions) {
    this.#options = options
    const { counters } = options.scope
    this.#dropped = () => void counters.dropped++
    this.#late = () => void counters.late++
  }

  run(): Compiled {
    const { nodes } = this.#options
    const made = new Map<number, Operator>()
    // Successors first: nodes come after their inputs.
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i] as TopologyNode
      const next = join(successors(nodes, node.id).map((s) => made.get(s.id) as Operator))
      const operator = this.#make(node, next)
      if (operator !== null) made.set(node.id, operator)
    }
    const roots = new Map<string, Operator>()
    for (const [stream, operators] of this.#roots) roots.set(stream, join(operators))
    const onKey = (stream: string): Origin['onKey'] => this.#onKey(stream)
    const latest = this.#latest.toReversed()
    return { roots, repartitions: this.#repartitions, lookups: this.#lookups, latest, tasks: this.#tasks, onKey }
  }

  #make(node: TopologyNode, next: Operator): Operator | null {
    switch (node.op) {
      case 'source':
        if (next !== NOTHING) this.#root(node.stream.name, next)
        return null
      case 'task':
        this.#makeTask(node)
        return null
      case 'repartition':
        this.#root(node.stream.name, next)
        return this.#makeRepartition(node)
      case 'map':
        return linked(new MapOperator(node.name, node.fn), next)
      case 'filter':
        return linked(new FilterOperator(node.name, node.fn), next)
      case 'flatMap':
        return linked(new FlatMapOperator(node.name, node.fn), next)
      case 'rekey':
        return linked(new RekeyOperator(node.name, node.fn, node.key), next)
      case 'forEach':
        return linked(new ForEachOperator(node.name, node.fn), NOTHING)
      case 'sink':
        return linked(new SinkOperator(this.#output(node.stream), node.stream), NOTHING)
      case 'lookup':
        return linked(this.#makeLookup(node), next)
      case 'table':
        return linked(this.#makeTable(node), next)
      case 'aggregate':
        return this.#makeAggregate(node, next)
    }
  }

  #root(stream: string, operator: Operator): void {
    const there = this.#roots.get(stream)
    if (there === undefined) this.#roots.set(stream, [operator])
    else there.push(operator)
  }

  #output(stream: StreamDef<unknown, unknown>): ReturnType<TaskScope['outputs']['stream']> {
    return this.#options.scope.outputs.stream(this.#options.stream(stream.name))
  }

  #makeRepartition(node: RepartitionNode): RepartitionOperator {
    const { scope, producers, sent } = this.#options
    const operator = new RepartitionOperator({
      output: this.#output(node.stream),
      key: node.stream.key,
      value: node.stream.value,
      raw: node.raw,
      whole: node.whole === true,
      producer: scope.task,
      producers: producers(node.stream.name),
      sent: sent[node.stream.name] ?? null,
      ends: scope.ends,
      dropped: this.#dropped,
    })
    operator.next = NOTHING
    this.#repartitions.push(operator)
    return operator
  }

  #makeLookup(node: LookupNode): LookupOperator {
    const operator = new LookupOperator(node, this.#options.scope.table(node.table))
    this.#lookups.push(operator)
    return operator
  }

  #makeTable(node: TableNode): Operator {
    const store = this.#options.scope.store(node.store.name)
    return node.store.kind === 'windows' ? new WindowTableOperator(store) : new TableOperator(store, this.#dropped)
  }

  #makeAggregate(node: AggregateNode, next: Operator): Operator {
    const { scope } = this.#options
    const store = scope.store(node.store.name)
    const { key, value } = node.store
    const of = (what: string): Origin => {
      return { stream: `${node.name} (${what})`, partition: scope.task, key, value, onKey: null }
    }
    if (node.window === null) {
      const dropped = this.#dropped
      const operator =
        node.kind === 'count' ? new CountOperator(store, dropped) : new FoldOperator(store, foldOf(node), dropped)
      if (node.emit === 'update' || next === NOTHING) return linked(operator, next)
      const latest = new LatestOperator(store, of('updates'))
      this.#latest.push(latest)
      return linked(operator, linked(latest, next))
    }
    const operator = new WindowOperator({
      store,
      pending: scope.store(pendingSpec(node.store.name).name),
      window: node.window,
      fold: foldOf(node),
      origin: of('windows'),
      emits: next !== NOTHING,
      dropped: this.#dropped,
      late: this.#late,
      alive: () => scope.alive(),
    })
    return linked(operator, next)
  }

  #makeTask(node: TaskNode): void {
    const { scope } = this.#options
    const timers = new Map<string, TimerQueue>()
    for (const [name, def] of Object.entries(node.task.timers)) {
      timers.set(name, new TimerQueue(name, def.key, scope.store(timerSpec(node.name).name)))
    }
    const inputs = Object.values(node.task.inputs)
    const sizes = inputs.map((stream) => {
      const { partitions } = this.#options.stream(stream.name)
      return { key: stream.key, partitions, partitioner: stream.partitioner }
    })
    const rule = scope.development ? partitionRule(scope.task, sizes) : null
    const context = new TaskContext(scope, node.task, (stream) => this.#output(stream), timers, rule)
    const operator = new TaskOperator(scope, node.task, context, timers)
    for (const [name, port] of operator.ports)
      this.#root((node.task.inputs[name] as StreamDef<unknown, unknown>).name, linked(port, NOTHING))
    this.#tasks.push(operator)
    this.#contexts.push({ context, inputs: new Map(inputs.map((s) => [s.name, s])) })
  }

  #onKey(stream: string): Origin['onKey'] {
    const told = this.#contexts.filter((c) => c.inputs.has(stream))
    const only = told[0]
    if (only === undefined || told.length > 1) return null
    const serde = (only.inputs.get(stream) as StreamDef<unknown, unknown>).key
    return (key, bytes, start, end) => only.context.hintKey(serde, key, bytes, start, end)
  }
}

function successors(nodes: readonly TopologyNode[], id: number): TopologyNode[] {
  return nodes.filter((node) => 'input' in node && node.input === id)
}

function linked(operator: Operator, next: Operator): Operator {
  operator.next = next
  return operator
}

function join(operators: readonly Operator[]): Operator {
  if (operators.length === 0) return NOTHING
  return operators.length === 1 ? (operators[0] as Operator) : new FanOut(operators)
}
