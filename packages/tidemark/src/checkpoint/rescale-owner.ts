import { TidemarkError } from '../errors/error.ts'
import { murmur2, partitionOf } from '../hash/murmur2.ts'
import { storeOf } from '../store/generations.ts'
import { SetKeys } from '../store/set-key.ts'
import { hasSuffix } from '../store/stored-serde.ts'
import type { StoreDescriptor } from '../store/types.ts'
import { WindowKeys } from '../store/window-key.ts'

/** Which of `tasks` tasks an encoded key belongs to, or EVERY_TASK. ERR_STATE_CORRUPT for bytes that are no key of it. */
export type OwnerOf = (key: Uint8Array, tasks: number) => number

/** An entry that says something of its task as a whole: each new task gets it if one of the old ones has it. */
export const EVERY_TASK = -1

/** What decides where the keys of a store belong, beside its kind. */
export interface StoreRule {
  /** Partitions of the streams that the store's step reads, so tasks that have keys of it: before and after. */
  readonly before: number
  readonly after: number
  /**
   * The bytes of the message's key that belong to those of a user's key, or, in a store of timers, to the key of the named
   * timer. Null: they are the same.
   */
  readonly messageKey: MessageKeyOf | null
}

export type MessageKeyOf = (key: Uint8Array, timer: string | null) => Uint8Array

/** The rule of a store without the job's code. ERR_STORE_RESCALE: nothing but the code says where its keys belong. */
export function plainRule(store: StoreDescriptor, before: number, after: number): StoreRule {
  const name = storeOf(store)
  if (name.startsWith(TIMERS)) {
    throw cannotMove(name, "it holds timers, and only the job's code says what their keys are", NAME_THE_JOB)
  }
  if (store.partitionBy === 'opaque') throw opaque(name)
  if (store.partitionBy === 'function') {
    throw cannotMove(name, "its keys go to tasks by a function of the job's code", NAME_THE_JOB)
  }
  return { before, after, messageKey: null }
}

/** How the keys of a store are hashed: by the bytes of the message's key, as the log does. */
export function ownerOf(store: StoreDescriptor, messageKey: MessageKeyOf | null): OwnerOf {
  const userKey = userKeyOf(store)
  return (key, tasks) => {
    const user = userKey(key)
    if (user === null) return EVERY_TASK
    const bytes = messageKey === null ? user.bytes : messageKey(user.bytes, user.timer)
    return partitionOf(murmur2(bytes), tasks)
  }
}

interface UserKey {
  readonly bytes: Uint8Array
  readonly timer: string | null
}

/** Takes the user's key out of a store's keys; null for an entry of the task as a whole. */
function userKeyOf(store: StoreDescriptor): (key: Uint8Array) => UserKey | null {
  const { kind, windowSizeMs } = store
  const name = storeOf(store)
  if (name.startsWith(TIMERS)) return (key) => timerKey(name, key)
  if (name.startsWith(PENDING)) return (key) => pendingKey(name, key)
  if (kind === 'set') {
    const sets = new SetKeys(name)
    return (key) => ({ bytes: sets.userKeyOf(key), timer: null })
  }
  if (hasSuffix(kind)) {
    const keys = new WindowKeys(name, kind === 'windows' || kind === 'session' ? windowSizeMs : 0)
    return (key) => ({ bytes: keys.userKeyOf(key), timer: null })
  }
  return (key) => ({ bytes: key, timer: null })
}

/** Stores of the runtime's own: see runtime/store-specs.ts. */
const TIMERS = '$timers.'
const PENDING = '$pending.'

const TIME_BYTES = 8
const FLUSHED = 0xff
const BY_TIME = 0x74
const decoder = new TextDecoder()

/** The end of a window and the user's key, or the sign that windows were emitted before they closed: runtime/window.ts. */
function pendingKey(store: string, key: Uint8Array): UserKey | null {
  if (key.length === 1 && key[0] === FLUSHED) return null
  if (key.length < TIME_BYTES) throw malformed(store, key)
  return { bytes: key.subarray(TIME_BYTES), timer: null }
}

/** By key or by time, the timer's name, 00, for those by time the time, and the timer's key: runtime/timers.ts. */
function timerKey(store: string, key: Uint8Array): UserKey {
  const end = key.indexOf(0)
  const start = end + 1 + (key[0] === BY_TIME ? TIME_BYTES : 0)
  if (end < 1 || start > key.length) throw malformed(store, key)
  return { bytes: key.subarray(start), timer: decoder.decode(key.subarray(1, end)) }
}

function malformed(store: string, key: Uint8Array): TidemarkError {
  return new TidemarkError('ERR_STATE_CORRUPT', `store ${store}: a key of ${key.length} bytes is none that it has`, {
    details: { store },
  })
}

const NAME_THE_JOB = "Name the job's module: --job visits.job.ts"

export function opaque(store: string): TidemarkError {
  return cannotMove(
    store,
    "it is declared with partitionBy: 'opaque', so its keys do not say which task they belong to",
    'Say by partitionBy which message key each of its keys belongs to, or take the store out of the job, and take another savepoint',
  )
}

export function cannotMove(store: string, why: string, wayOut: string): TidemarkError {
  return new TidemarkError('ERR_STORE_RESCALE', `store ${store} cannot be rescaled: ${why}. ${wayOut}.`, {
    details: { store },
  })
}
