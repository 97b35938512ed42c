import type { AnyRemoteTable } from '../api/remote-table.ts'
import type { StoreDef } from '../api/store-def.ts'
import { type AnyStream, eraseStream } from '../api/stream.ts'
import { TidemarkError } from '../errors/error.ts'
import type { Topology } from './topology.ts'

/**
 * The names of one job's streams, stores and steps, each a space of its own: an output stream may well be named as the
 * store it comes from. Two of one kind with one name throw ERR_JOB_DUPLICATE.
 */
export class NameTable {
  readonly #job: string
  readonly #streams = new Map<string, AnyStream>()
  readonly #tables = new Map<string, AnyRemoteTable>()
  readonly #stores = new Map<string, string>()
  readonly #steps = new Set<string>()
  /** Names that stores had before, to their names. */
  readonly #renames = new Map<string, string>()

  constructor(job: string) {
    this.#job = job
  }

  addTopology(topology: Topology): void {
    for (const node of topology.nodes) {
      if (this.#steps.has(node.name))
        throw this.#twice(`two steps are named ${node.name}`, 'Give one of them another name')
      this.#steps.add(node.name)
      if (node.op === 'lookup') this.addTable(node.table)
      if ('stream' in node) this.addStream(node.stream)
      if ('store' in node) this.addStore(node.store, node.name)
      else if (node.op === 'task') for (const store of Object.values(node.task.stores)) this.#rename(store)
    }
    for (const [from, to] of this.#renames) {
      if (!this.#stores.has(from) && !this.#isOfTask(topology, from)) continue
      throw this.#twice(
        `store ${to} is declared as renamed from ${from}, and ${from} is declared too`,
        'Take renamedFrom out, or the other store',
      )
    }
  }

  #isOfTask(topology: Topology, store: string): boolean {
    return topology.nodes.some(
      (node) => node.op === 'task' && Object.values(node.task.stores).some(({ name }) => name === store),
    )
  }

  #rename({ name, renamedFrom }: StoreDef): void {
    if (renamedFrom === undefined) return
    const other = this.#renames.get(renamedFrom)
    if (other !== undefined && other !== name) {
      throw this.#twice(
        `stores ${other} and ${name} are both declared as renamed from ${renamedFrom}`,
        'One of them is',
      )
    }
    this.#renames.set(renamedFrom, name)
  }

  /** One stream may be used many times, but only one may have its name. */
  addStream(stream: AnyStream): void {
    const known = this.#streams.get(stream.name)
    if (known !== undefined && known !== eraseStream(stream)) {
      throw this.#twice(`two different streams are named ${stream.name}`, 'Define it once and import it')
    }
    this.#streams.set(stream.name, stream)
  }

  /** As addStream. */
  addTable(table: AnyRemoteTable): void {
    const known = this.#tables.get(table.name)
    if (known !== undefined && known !== table) {
      throw this.#twice(`two different remote tables are named ${table.name}`, 'Define it once and import it')
    }
    this.#tables.set(table.name, table)
  }

  /** One store has one writer. */
  addStore(store: StoreDef, by: string): void {
    const known = this.#stores.get(store.name)
    if (known !== undefined) {
      throw this.#twice(`store ${store.name} is written by ${known} and by ${by}`, 'Give each a store of its own')
    }
    this.#stores.set(store.name, by)
    this.#rename(store)
  }

  #twice(what: string, advice: string): TidemarkError {
    return new TidemarkError('ERR_JOB_DUPLICATE', `job ${this.#job}: ${what}. ${advice}`)
  }
}
