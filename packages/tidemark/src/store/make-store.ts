import { type CounterReader, CounterStore } from './counter-store.ts'
import type { KeyEncoder } from './key-encoder.ts'
import { type KeyValueReader, KeyValueStore } from './kv-store.ts'
import { type ListReader, ListStore } from './list-store.ts'
import { type SessionReader, SessionStore } from './session-store.ts'
import { type SetReader, SetStore } from './set-store.ts'
import type { RawStore } from './types.ts'
import { type VersionedReader, VersionedStore } from './versioned-store.ts'
import { type WindowReader, WindowStore } from './window-store.ts'

/** A store as a task sees it, of any kind. */
export type AnyStore =
  | KeyValueStore<unknown, unknown>
  | WindowStore<unknown, unknown>
  | SessionStore<unknown, unknown>
  | VersionedStore<unknown, unknown>
  | CounterStore<unknown, number | bigint>
  | ListStore<unknown, unknown>
  | SetStore<unknown, unknown>

/** As of the last commit. */
export type AnyReader =
  | KeyValueReader<unknown, unknown>
  | WindowReader<unknown, unknown>
  | SessionReader<unknown, unknown>
  | VersionedReader<unknown, unknown>
  | CounterReader<unknown, number | bigint>
  | ListReader<unknown, unknown>
  | SetReader<unknown, unknown>

/**
 * The typed store of a raw one's kind. `own` is the same store for what is not done for a caller: windows and sessions
 * expire between two handlers, when the handlers' store is closed.
 */
export function makeStore(raw: RawStore, keys: KeyEncoder<unknown>, own: RawStore = raw): AnyStore {
  switch (raw.spec.kind) {
    case 'kv':
      return new KeyValueStore(raw, keys)
    case 'windows':
      return new WindowStore(raw, keys, own)
    case 'session':
      return new SessionStore(raw, keys, own)
    case 'versioned':
      return new VersionedStore(raw, keys)
    case 'counter':
      return new CounterStore(raw, keys)
    case 'list':
      return new ListStore(raw, keys)
    case 'set':
      return new SetStore(raw, keys)
  }
}
