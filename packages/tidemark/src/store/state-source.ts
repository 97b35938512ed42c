import type { StoreDescriptor } from './types.ts'

/**
 * Takes the state of a task in bulk, before the task is opened. Entries may come in any order of keys; later ones win. Stores go by
 * the names of their generations, and so do the descriptors.
 */
export interface StateLoader {
  /** Checkpoint id that is in the files already. */
  readonly id: number
  /** What the files have already, as they know it: see generations.ts. */
  readonly descriptors: readonly StoreDescriptor[]
  /** `valueStart` -1 deletes the key. The bytes are copied. */
  add(store: string, bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void
  /** True when so much waits that it has to be written before more is added. */
  readonly isFull: boolean
  /** Writes what waits, as the state of no checkpoint. */
  write(descriptors: readonly StoreDescriptor[]): Promise<void>
  /** Writes what waits; durable when it settles, and all of it the state of checkpoint `id`. */
  finish(id: number, descriptors: readonly StoreDescriptor[]): Promise<void>
}

/** A port whose system keeps the state of tasks itself: what local files lack is loaded from there. */
export interface StateSource {
  /**
   * Loads what the files of a claimed task lack. What a crash interrupts is begun again: the source knows that the files
   * are not to be used then. Rejects with errors of the table, ERR_STATE_CORRUPT among them.
   */
  restoreState(producer: string, loader: StateLoader): Promise<void>
}

/** Whether a port is one. */
export function isStateSource(port: object): port is StateSource {
  return 'restoreState' in port && typeof port.restoreState === 'function'
}
