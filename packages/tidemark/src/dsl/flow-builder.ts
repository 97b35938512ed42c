import { assertName } from '../api/name.ts'
import { type AnyRemoteTable, isRemoteTable } from '../api/remote-table.ts'
import { isStore, type StoreDef } from '../api/store-def.ts'
import { type AnyStream, assertSerde, eraseStream } from '../api/stream.ts'
import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'
import type { Serde } from '../serde/serde.ts'
import type { NamedStore, TopologyBuilder } from './topology-builder.ts'
import type { AggregateNode, Emit, LookupNode, ValueFn, WindowSpec } from './topology.ts'

/*
 * What the interfaces of api/flow.ts are at run time, with the types erased: each call adds a node and returns an object
 * that stands for the flow after it.
 */

interface GroupOptions {
  readonly key?: Serde<unknown>
  readonly value?: Serde<unknown>
  readonly name?: string
}

type Add = NonNullable<AggregateNode['add']>

interface Spec {
  readonly init?: (key: unknown) => unknown
  readonly add?: Add
  readonly value?: Serde<unknown>
  readonly emit?: Emit
}

/** A flow: the messages that leave one node. */
export class FlowBuilder {
  readonly #topology: TopologyBuilder
  readonly #node: number

  constructor(topology: TopologyBuilder, node: number) {
    this.#topology = topology
    this.#node = node
  }

  map(fn: ValueFn): FlowBuilder {
    return this.#step('map', fn)
  }

  filter(fn: ValueFn): FlowBuilder {
    return this.#step('filter', fn)
  }

  flatMap(fn: ValueFn): FlowBuilder {
    return this.#step('flatMap', fn)
  }

  lookup(table: AnyRemoteTable, key: ValueFn, join: LookupNode['join']): FlowBuilder {
    const { job } = this.#topology
    if (!isRemoteTable(table)) {
      throw new TidemarkError(
        'ERR_JOB_DEFINITION',
        `job ${job}: lookup got ${showValue(table)}: pass what remoteTable('name', ...) or redisTable('name', ...) returned`,
      )
    }
    this.#assertFunction('lookup', key)
    this.#assertFunction('lookup', join)
    return this.#next(this.#topology.add({ op: 'lookup', input: this.#node, table, key, join }, 'lookup'))
  }

  forEach(fn: ValueFn): FlowBuilder {
    return this.#step('forEach', fn)
  }

  groupBy(fn: ValueFn, options: GroupOptions = {}): GroupBuilder {
    this.#assertFunction('groupBy', fn)
    const { key = null, value = null, name = null } = options
    const what = `job ${this.#topology.job}, groupBy`
    if (name !== null) assertName(what, name)
    if (key !== null) assertSerde(what, 'key', key)
    if (value !== null) assertSerde(what, 'value', value)
    const node = this.#topology.addRekey({ op: 'rekey', input: this.#node, fn, key, value, name })
    return new GroupBuilder(this.#topology, node, null)
  }

  groupByKey(): GroupBuilder {
    return new GroupBuilder(this.#topology, this.#node, null)
  }

  to(stream: AnyStream): FlowBuilder {
    this.#topology.assertStream(stream, 'to')
    return this.#next(this.#topology.add({ op: 'sink', input: this.#node, stream: eraseStream(stream) }, 'to'))
  }

  toTable(store: StoreDef): FlowBuilder {
    if (!isStore(store)) throw wrongStore(this.#topology.job, 'toTable', store, "kv('name', { key, value })")
    return this.#next(this.#topology.add({ op: 'table', input: this.#node, store }, 'toTable'))
  }

  #step(op: 'map' | 'filter' | 'flatMap' | 'forEach', fn: ValueFn): FlowBuilder {
    this.#assertFunction(op, fn)
    return this.#next(this.#topology.add({ op, input: this.#node, fn }, op))
  }

  #next(node: number): FlowBuilder {
    return new FlowBuilder(this.#topology, node)
  }

  #assertFunction(step: string, fn: unknown): void {
    if (typeof fn === 'function') return
    throw new TidemarkError(
      'ERR_JOB_DEFINITION',
      `job ${this.#topology.job}: ${step} got ${showValue(fn)}: pass a function of (value, message)`,
    )
  }
}

/** A flow grouped by its key, with or without windows. */
export class GroupBuilder {
  readonly #topology: TopologyBuilder
  readonly #node: number
  readonly #window: WindowSpec | null

  constructor(topology: TopologyBuilder, node: number, window: WindowSpec | null) {
    this.#topology = topology
    this.#node = node
    this.#window = window
  }

  window(window: WindowSpec): GroupBuilder {
    const given: unknown = window
    if (typeof given !== 'object' || given === null || !('kind' in given) || given.kind !== 'tumbling') {
      throw new TidemarkError(
        'ERR_JOB_DEFINITION',
        `job ${this.#topology.job}: window got ${showValue(given)}: pass tumbling('1h') or tumbling('1h').grace('5m')`,
      )
    }
    const { sizeMs, graceMs } = window
    return new GroupBuilder(this.#topology, this.#node, Object.freeze({ kind: 'tumbling', sizeMs, graceMs }))
  }

  count(store: string | StoreDef, options: Pick<Spec, 'emit'> = {}): FlowBuilder {
    return this.#aggregate('count', store, options)
  }

  reduce(store: string | StoreDef, add: Add, options: Pick<Spec, 'emit'> = {}): FlowBuilder {
    if (typeof add !== 'function') throw this.#missing('reduce', 'a function (accumulated, value) => value')
    return this.#aggregate('reduce', store, { ...options, add })
  }

  aggregate(store: string | StoreDef, spec: Spec = {}): FlowBuilder {
    const { init, add, value = null } = spec
    if (typeof init !== 'function' || typeof add !== 'function') {
      throw this.#missing('aggregate', '{ init: () => start, add: (accumulated, value) => next }')
    }
    if (value !== null) assertSerde(`job ${this.#topology.job}, aggregate`, 'value', value)
    return this.#aggregate('aggregate', store, spec)
  }

  #aggregate(kind: AggregateNode['kind'], store: string | StoreDef, spec: Spec): FlowBuilder {
    const { init = null, add = null, value = null, emit } = spec
    this.#checkEmit(kind, emit)
    const node = this.#topology.addAggregate({
      op: 'aggregate',
      input: this.#node,
      store: this.#storeOf(kind, store, value),
      window: this.#window,
      kind,
      init,
      add,
      emit: emit ?? 'update',
    })
    return new FlowBuilder(this.#topology, node)
  }

  #storeOf(step: string, store: string | StoreDef, value: Serde<unknown> | null): StoreDef | NamedStore {
    const { job } = this.#topology
    if (typeof store === 'string') {
      assertName(`job ${job}, the store of ${step}`, store)
      return { name: store, value }
    }
    const kind = this.#window === null ? 'kv' : 'windows'
    if (!isStore(store) || store.kind !== kind) {
      throw wrongStore(job, step, store, `a name, or ${kind}('name', { key, value })`)
    }
    return store
  }

  #checkEmit(step: string, emit: unknown): void {
    if (emit === undefined) return
    const { job } = this.#topology
    if (emit !== 'update' && emit !== 'commit') {
      const got = showValue(emit)
      throw new TidemarkError('ERR_JOB_DEFINITION', `job ${job}: ${step} got emit ${got}: pass 'update' or 'commit'`)
    }
    if (this.#window === null) return
    throw new TidemarkError(
      'ERR_JOB_DEFINITION',
      `job ${job}: ${step} with a window takes no emit: its rows go on when a window closes`,
    )
  }

  #missing(step: string, wanted: string): TidemarkError {
    return new TidemarkError('ERR_JOB_DEFINITION', `job ${this.#topology.job}: ${step} needs ${wanted} after the store`)
  }
}

function wrongStore(job: string, step: string, store: unknown, wanted: string): TidemarkError {
  const got = isStore(store) ? `the ${store.kind} store ${store.name}` : showValue(store)
  return new TidemarkError('ERR_JOB_DEFINITION', `job ${job}: ${step} got ${got}: pass ${wanted}`)
}
