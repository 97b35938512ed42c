import type { RemoteDriver, RemoteEntry, RemoteTableDef } from '../api/remote-table.ts'
import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { showValue } from '../serde/hex.ts'
import { Batches } from './batches.ts'
import { Calls } from './calls.ts'
import { RemoteValues } from './remote-values.ts'
import { newCounters, type RemoteCounters, type TableClient, type Waiter } from './table-client.ts'
import { ValueCache } from './value-cache.ts'

export interface RemoteClientOptions {
  readonly table: RemoteTableDef<unknown, unknown>
  readonly clock: Clock
  readonly random: () => number
  /** Tasks of the job: they share the rate. */
  readonly tasks: number
  readonly log: (level: 'info' | 'warn', text: string) => void
}

interface Load {
  readonly id: string
  readonly key: unknown
  readonly waiters: Waiter[]
  /** The key was written meanwhile: what comes back is told to those who asked before, and not kept. */
  stale: boolean
}

interface Write {
  readonly id: string
  readonly key: unknown
  value: unknown
  sent: boolean
  readonly done: Promise<void>
  readonly settle: (error: Error | null) => void
}

const decoder = new TextDecoder('latin1')

/** One task's way to a remote table: cache, look-ups of one key as one, batches, rate, retries. */
export class RemoteClient implements TableClient {
  readonly counters: RemoteCounters = newCounters()
  readonly #options: RemoteClientOptions
  readonly #driver: RemoteDriver
  readonly #cache: ValueCache | null
  readonly #values: RemoteValues
  readonly #calls: Calls
  readonly #reads: Batches<Load>
  readonly #writes: Batches<Write>
  readonly #loads = new Map<string, Load>()
  /** By key: the writes that are not done, in order. */
  readonly #pending = new Map<string, Write[]>()
  readonly #writer = new ByteWriter(128)
  readonly #found = { value: undefined as unknown }
  #ended: Error | null = null

  constructor(options: RemoteClientOptions) {
    this.#options = options
    const { table, clock, random, tasks, log } = options
    const { policy } = table
    this.#driver = table.open({ clock, random, log })
    this.#values = new RemoteValues(table)
    this.#cache = policy.cache === null ? null : new ValueCache(policy.cache)
    this.#calls = new Calls({ table: table.name, policy, clock, random, counters: this.counters, tasks })
    const { maxKeys, maxDelayMs, concurrency } = policy
    const common = { maxKeys, maxDelayMs, concurrency, clock }
    this.#reads = new Batches({ ...common, send: (loads) => this.#read(loads) })
    this.#writes = new Batches({
      ...common,
      send: (writes) => this.#write(writes),
      mayGo: (write) => this.#pending.get(write.id)?.[0] === write,
    })
  }

  load(key: unknown, waiter: Waiter): void {
    if (this.#ended !== null) return waiter.fail(this.#ended)
    const id = this.#idOf(key)
    // A write that is under way is seen by those who read after it.
    const writes = this.#pending.get(id)
    if (writes !== undefined) {
      const again = (): void => this.load(key, waiter)
      void (writes.at(-1) as Write).done.then(again, again)
      return
    }
    if (this.#cache !== null && this.#cache.get(id, this.#options.clock.monotonicMs(), this.#found)) {
      this.counters.hits++
      return waiter.settle(this.#values.expose(this.#found.value))
    }
    const load = this.#loads.get(id)
    if (load !== undefined) {
      this.counters.joined++
      load.waiters.push(waiter)
      return
    }
    this.counters.misses++
    const made: Load = { id, key, waiters: [waiter], stale: false }
    this.#loads.set(id, made)
    this.#reads.add(made)
  }

  async #read(loads: readonly Load[]): Promise<void> {
    const { clock } = this.#options
    const keys = loads.map(({ key }) => key)
    try {
      const values = await this.#calls.run('read', keys.length, (signal) => this.#driver.read(keys, { signal }))
      const nowMs = clock.monotonicMs()
      loads.forEach((load, i) => {
        const value = this.#taken(values[i] ?? undefined)
        this.#over(load)
        if (value instanceof Error) {
          const error = this.#failed(load, value)
          for (const waiter of load.waiters) waiter.fail(error)
          return
        }
        if (!load.stale) this.#cache?.set(load.id, value, this.#sizeOf(load.id, value), nowMs)
        for (const waiter of load.waiters) waiter.settle(this.#values.expose(value))
      })
    } catch (error) {
      for (const load of loads) {
        this.#over(load)
        for (const waiter of load.waiters) waiter.fail(error as Error)
      }
    }
  }

  /** What is kept of an answer; an error for one that the serde cannot hold: the failure of its key alone. */
  #taken(answer: unknown): unknown {
    if (answer === undefined || answer instanceof Error) return answer
    try {
      return this.#values.admit(answer)
    } catch (error) {
      return error
    }
  }

  /** One key of a call that went well. */
  #failed({ key }: Load, cause: Error): Error {
    this.counters.failures++
    if (cause instanceof TidemarkError) return cause
    const { name } = this.#options.table
    const what = `table ${name}: key ${showValue(key)} could not be read: ${cause.message}`
    return new TidemarkError('ERR_REMOTE_FAILED', what, { cause, details: { table: name } })
  }

  #over(load: Load): void {
    if (this.#loads.get(load.id) === load) this.#loads.delete(load.id)
  }

  async put(key: unknown, value: unknown): Promise<void> {
    if (value === null || value === undefined) {
      throw new TidemarkError('ERR_NULL_VALUE', `${this.#what}: put was given no value; delete removes a key`)
    }
    return this.#change(key, this.#values.admit(value))
  }

  async delete(key: unknown): Promise<void> {
    return this.#change(key, undefined)
  }

  async #change(key: unknown, value: unknown): Promise<void> {
    if (this.#ended !== null) throw this.#ended
    if (this.#driver.write === null) {
      throw new TidemarkError('ERR_REMOTE_READ_ONLY', `${this.#what} has no write function: give it one to write to it`)
    }
    const id = this.#idOf(key)
    this.counters.writes++
    this.#forget(id)
    const writes = this.#pending.get(id)
    const last = writes?.at(-1)
    if (last !== undefined && !last.sent) {
      last.value = value
      return last.done
    }
    const { promise: done, resolve, reject } = Promise.withResolvers<void>()
    const settle = (error: Error | null): void => (error === null ? resolve() : reject(error))
    const write: Write = { id, key, value, sent: false, done, settle }
    if (writes === undefined) this.#pending.set(id, [write])
    else writes.push(write)
    this.#writes.add(write)
    return done
  }

  async #write(writes: readonly Write[]): Promise<void> {
    for (const write of writes) write.sent = true
    const entries: RemoteEntry<unknown, unknown>[] = writes.map(({ key, value }) => ({ key, value }))
    let failed: Error | null = null
    try {
      const write = this.#driver.write as NonNullable<RemoteDriver['write']>
      await this.#calls.run('write', entries.length, (signal) => write(entries, { signal }))
    } catch (error) {
      failed = error as Error
    }
    const nowMs = this.#options.clock.monotonicMs()
    for (const write of writes) {
      const queue = this.#pending.get(write.id) as Write[]
      queue.shift()
      if (queue.length === 0) this.#pending.delete(write.id)
      const { id, value } = write
      if (failed === null && queue.length === 0) this.#cache?.set(id, value, this.#sizeOf(id, value), nowMs)
      write.settle(failed)
    }
  }

  /** What is known of a key, or on its way, no longer holds. */
  #forget(id: string): void {
    this.#cache?.delete(id)
    const load = this.#loads.get(id)
    if (load === undefined) return
    load.stale = true
    this.#loads.delete(id)
  }

  close(reason: Error): void {
    if (this.#ended !== null) return
    this.#ended = reason
    this.#calls.close(reason)
    for (const load of this.#reads.close()) for (const waiter of load.waiters) waiter.fail(reason)
    for (const write of this.#writes.close()) write.settle(reason)
    void this.#driver.close().catch((error: unknown) => {
      this.#options.log('warn', `${this.#what} could not be closed: ${String(error)}`)
    })
  }

  get #what(): string {
    return `table ${this.#options.table.name}`
  }

  /** A key's bytes as text: equal keys have equal ones. */
  #idOf(key: unknown): string {
    if (key === null || key === undefined) {
      throw new TidemarkError('ERR_NULL_KEY', `${this.#what}: the key is ${String(key)}`)
    }
    const writer = this.#writer
    writer.reset()
    this.#options.table.key.write(key, writer)
    return decoder.decode(writer.bytes.subarray(0, writer.position))
  }

  #sizeOf(id: string, value: unknown): number {
    if (value === undefined || this.#options.table.policy.cache?.maxBytes === Number.POSITIVE_INFINITY) return id.length
    return id.length + this.#values.sizeOf(value)
  }
}
