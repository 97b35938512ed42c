import type { Serde } from '../serde/serde.ts'
import { elementSerde, memberSerde, versionSerde } from '../serde/stored.ts'
import type { StoreKind, StoreSpec } from './types.ts'
import { timeBytes } from './window-key.ts'

/** The serde of what a store of this kind keeps, from that of its values. */
export function storedSerde(kind: StoreKind, inner: Serde<unknown>): Serde<unknown> {
  if (kind === 'versioned') return versionSerde(inner)
  if (kind === 'list') return elementSerde(inner)
  return kind === 'set' ? memberSerde(inner) : inner
}

/** How many bytes at the end of a key tell the entries of one user key apart; 0: they do not have one length. */
export function suffixBytesOf({ kind, windowSizeMs }: Pick<StoreSpec, 'kind' | 'windowSizeMs'>): number {
  if (kind === 'windows' || kind === 'session') return timeBytes(windowSizeMs)
  return kind === 'versioned' || kind === 'list' ? timeBytes(0) : 0
}

/** True for stores of several entries for each key: their keys begin as those of window stores do. */
export function hasSuffix(kind: StoreKind): boolean {
  return kind !== 'kv' && kind !== 'counter'
}
