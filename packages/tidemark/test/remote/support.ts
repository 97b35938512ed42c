import { remotePolicy, type RemoteOptions, type RemotePolicy } from '../../src/api/remote-policy.ts'
import { eraseTable, remoteTable, type RemoteTableOptions } from '../../src/api/remote-table.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { seededRandom } from '../../src/hash/seeded-random.ts'
import { RemoteClient } from '../../src/remote/remote-client.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'

export function policyOf(options: RemoteOptions): RemotePolicy {
  return remotePolicy('table test', options)
}

export type TestOptions = Omit<RemoteTableOptions<string, number>, 'key' | 'value'>

/** A client of a table of strings and numbers, on a clock that moves only when told. */
export function clientOf(options: TestOptions, tasks = 1): { client: RemoteClient; clock: ManualClock } {
  const clock = new ManualClock()
  const table = eraseTable(remoteTable('users', { key: string(), value: uint(), ...options }))
  const client = new RemoteClient({ table, clock, random: seededRandom(1), tasks, log: () => {} })
  return { client, clock }
}

export function get(client: RemoteClient, key: string): Promise<unknown> {
  return new Promise((resolve, reject) => client.load(key, { settle: resolve, fail: reject }))
}

/** Lets everything run that can without the clock. */
export async function ticks(count = 30): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

/** Moves the clock on, step by step, until the promise has settled. */
export async function whileMoving<T>(clock: ManualClock, promise: Promise<T>, stepMs = 10, most = 100_000): Promise<T> {
  const state = { over: false }
  const end = (): void => void (state.over = true)
  promise.then(end, end)
  for (let i = 0; i < most && !state.over; i++) {
    await ticks()
    if (!state.over) clock.advance(stepMs)
  }
  return promise
}
