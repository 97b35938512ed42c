import type { Serde } from './serde.ts'

/** A serde whose encoding shows its own end, so that another part can follow it in a tuple. */
export interface DelimitedSerde<in out T> extends Serde<T> {
  /** How many bytes the value that begins at `start` takes; it may point beyond `end` when data is missing. */
  measure(bytes: Uint8Array, start: number, end: number): number
}

export function isDelimited<T>(serde: Serde<T>): serde is DelimitedSerde<T> {
  return 'measure' in serde && typeof serde.measure === 'function'
}
