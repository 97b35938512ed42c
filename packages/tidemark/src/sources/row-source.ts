import type { RowBatch } from './row-batch.ts'

/** JSON, as a source's position is kept in the log. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/**
 * Where rows come from. `open` first, then `next` until 'end', then `close`. One call at a time.
 *
 * `next` replaces the content of the batch: 'rows' (perhaps none yet), 'idle' (nothing at the moment, after a short
 * wait: the caller may commit and must ask again) or 'end'.
 */
export interface RowSource {
  /** For messages, and the last part of the producer's name in the log: stable between runs. */
  readonly name: string
  /** Starts after `position`, which an earlier run of the same source returned; null is the beginning. */
  open(position: Json | null): Promise<void>
  next(batch: RowBatch): Promise<'rows' | 'idle' | 'end'>
  /** The position after the last batch. */
  position(): Json
  /** Rows up to the last batch, from the beginning of the source, malformed ones too. */
  readonly rows: number
  close(): Promise<void>
}

/** Waiting, injected so that tests own it. */
export interface Waiter {
  wait(ms: number): Promise<void>
}

export const realWaiter: Waiter = {
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}
