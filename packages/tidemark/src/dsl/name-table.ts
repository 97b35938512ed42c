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
  readonly #stores = new Map<string, string>()
  readonly #steps = new Set<string>()

  constructor(job: string) {
    this.#job = job
  }

  addTopology(topology: Topology): void {
    for (const node of topology.nodes) {
      if (this.#steps.has(node.name))
        throw this.#twice(`two steps are named ${node.name}`, 'Give one of them another name')
      this.#steps.add(node.name)
      if ('stream' in node) this.addStream(node.stream)
      if ('store' in node) this.addStore(node.store, node.name)
    }
  }

  /** One stream may be used many times, but only one may have its name. */
  addStream(stream: AnyStream): void {
    const known = this.#streams.get(stream.name)
    if (known !== undefined && known !== eraseStream(stream)) {
      throw this.#twice(`two different streams are named ${stream.name}`, 'Define it once and import it')
    }
    this.#streams.set(stream.name, stream)
  }

  /** One store has one writer. */
  addStore(store: StoreDef, by: string): void {
    const known = this.#stores.get(store.name)
    if (known !== undefined) {
      throw this.#twice(`store ${store.name} is written by ${known} and by ${by}`, 'Give each a store of its own')
    }
    this.#stores.set(store.name, by)
  }

  #twice(what: string, advice: string): TidemarkError {
    return new TidemarkError('ERR_JOB_DUPLICATE', `job ${this.#job}: ${what}. ${advice}`)
  }
}
