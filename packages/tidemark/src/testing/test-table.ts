import type { AnyRemoteTable } from '../api/remote-table.ts'
import { eraseTable } from '../api/remote-table.ts'
import { TidemarkError } from '../errors/error.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { RemoteValues } from '../remote/remote-values.ts'
import { newCounters, type RemoteCounters, type TableClient } from '../remote/table-client.ts'

/**
 * A remote table of a job under test: in memory, of all tasks, and answering at once, so that neither batches nor
 * retries nor time play a part. It is elsewhere: a crash of the job does not touch it.
 */
export interface TestTable<K, V> {
  set(key: K, value: V | DeepReadonly<V>): void
  get(key: K): DeepReadonly<V> | undefined
  delete(key: K): void
  entries(): { key: K; value: DeepReadonly<V> }[]
  /** Until it is called with null: every use fails with ERR_REMOTE_FAILED, with this error as its cause. */
  fail(error: Error | null): void
}

interface Entry {
  readonly key: unknown
  readonly value: unknown
}

/** Values pass through the table's serdes, as they would outside. */
export class FakeTable implements TestTable<unknown, unknown> {
  readonly #table: AnyRemoteTable
  readonly #entries = new Map<string, Entry>()
  readonly #values: RemoteValues
  #error: Error | null = null

  constructor(table: AnyRemoteTable) {
    this.#table = table
    this.#values = new RemoteValues(eraseTable(table))
  }

  /** What the tasks have of it. */
  client(): TableClient {
    const counters = newCounters()
    return {
      counters,
      load: (key, waiter) => {
        counters.misses++
        const error = this.#failure('read')
        if (error === null) waiter.settle(this.get(key))
        else waiter.fail(error)
      },
      put: async (key, value) => {
        if (value === null || value === undefined) {
          const what = `table ${this.#table.name}: put was given no value; delete removes a key`
          throw new TidemarkError('ERR_NULL_VALUE', what)
        }
        this.#mayWrite(counters)
        this.set(key, value)
      },
      delete: async (key) => {
        this.#mayWrite(counters)
        this.delete(key)
      },
      close: () => {},
    }
  }

  #mayWrite(counters: RemoteCounters): void {
    const { name, writable } = this.#table
    if (!writable) throw new TidemarkError('ERR_REMOTE_READ_ONLY', `table ${name} has no write function`)
    const error = this.#failure('write')
    if (error !== null) throw error
    counters.writes++
  }

  #failure(verb: string): TidemarkError | null {
    const { name, policy } = this.#table
    if (this.#error === null) return null
    return new TidemarkError(
      'ERR_REMOTE_FAILED',
      `table ${name}: ${policy.retry.attempts} attempts to ${verb} a key failed. The last one: ${this.#error.message}`,
      { cause: this.#error, details: { table: name } },
    )
  }

  delete(key: unknown): void {
    this.#entries.delete(this.#idOf(key))
  }

  set(key: unknown, value: unknown): void {
    const writer = new ByteWriter(64)
    const serde = eraseTable(this.#table).value
    serde.write(value, writer)
    const there = serde.read(writer.copy(), 0, writer.position)
    this.#entries.set(this.#idOf(key), { key, value: this.#values.admit(there) })
  }

  get(key: unknown): never {
    return this.#values.expose(this.#entries.get(this.#idOf(key))?.value) as never
  }

  entries(): never[] {
    return [...this.#entries.values()] as never[]
  }

  fail(error: Error | null): void {
    this.#error = error
  }

  #idOf(key: unknown): string {
    const writer = new ByteWriter(64)
    eraseTable(this.#table).key.write(key, writer)
    return Buffer.from(writer.bytes.buffer, 0, writer.position).toString('latin1')
  }
}
