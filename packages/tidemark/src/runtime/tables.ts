import { type AnyRemoteTable, eraseTable } from '../api/remote-table.ts'
import type { Clock } from '../clock/clock.ts'
import { RemoteClient } from '../remote/remote-client.ts'
import type { RemoteCounters, TableClient, Waiter } from '../remote/table-client.ts'
import type { Gate } from './scope.ts'

/** How a task comes to its remote tables; tests put others in their place. */
export type OpenTable = (table: AnyRemoteTable, environment: TableEnvironment) => TableClient

export interface TableEnvironment {
  readonly clock: Clock
  readonly random: () => number
  readonly tasks: number
  readonly log: (level: 'info' | 'warn', text: string) => void
}

export const openRemote: OpenTable = (table, environment) =>
  new RemoteClient({ table: eraseTable(table), ...environment })

/** The remote tables of one task: a client for each, opened when it is first asked for. */
export class Tables {
  readonly #clients = new Map<AnyRemoteTable, TableClient>()
  readonly #open: OpenTable
  readonly #environment: TableEnvironment

  constructor(open: OpenTable, environment: TableEnvironment) {
    this.#open = open
    this.#environment = environment
  }

  get(table: AnyRemoteTable): TableClient {
    let client = this.#clients.get(table)
    if (client === undefined) {
      client = this.#open(table, this.#environment)
      this.#clients.set(table, client)
    }
    return client
  }

  /** By the table's name. */
  counters(): Record<string, RemoteCounters> {
    const counters: Record<string, RemoteCounters> = {}
    for (const [{ name }, client] of this.#clients) counters[name] = { ...client.counters }
    return counters
  }

  close(reason: Error): void {
    for (const client of this.#clients.values()) client.close(reason)
  }
}

/** What handlers get of a remote table: usable while their context is open. */
export class GuardedTable {
  readonly #client: TableClient
  readonly #gate: Gate

  constructor(client: TableClient, gate: Gate) {
    this.#client = client
    this.#gate = gate
  }

  async get(key: unknown): Promise<unknown> {
    this.#gate.check()
    return this.#load(key)
  }

  async getAll(keys: Iterable<unknown>): Promise<Map<unknown, unknown>> {
    this.#gate.check()
    const wanted = [...keys]
    const values = await Promise.all(wanted.map((key) => this.#load(key)))
    const found = new Map<unknown, unknown>()
    wanted.forEach((key, i) => {
      if (values[i] !== undefined) found.set(key, values[i])
    })
    return found
  }

  async put(key: unknown, value: unknown): Promise<void> {
    this.#gate.check()
    return this.#client.put(key, value)
  }

  async delete(key: unknown): Promise<void> {
    this.#gate.check()
    return this.#client.delete(key)
  }

  #load(key: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { settle: resolve, fail: reject }
      this.#client.load(key, waiter)
    })
  }
}
