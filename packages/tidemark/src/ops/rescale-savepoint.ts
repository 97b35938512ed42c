import type { RescaledSavepoint, RescaleOptions } from './rescale.ts'

/**
 * Makes a savepoint with `tasks` tasks out of one with another number: every key's state, open windows and timers go to the
 * task that the key then belongs to. The given one is only read. The new one is complete in itself, or there is none; to go
 * on with it, `run` the job with `from` in a new data directory. Places as for `app.savepoint`.
 *
 * Rejects with ERR_OPTION, ERR_SAVEPOINT_NOT_FOUND, ERR_SAVEPOINT_EXISTS, ERR_SAVEPOINT_MISMATCH, ERR_STORE_RESCALE,
 * ERR_CHECKPOINT_CORRUPT, ERR_STATE_CORRUPT, ERR_FORMAT_NEWER, and what the places throw.
 */
export async function rescaleSavepoint(from: string, options: RescaleOptions): Promise<RescaledSavepoint> {
  // A job's module imports this, in each container too, which rescales nothing.
  const { rescale } = await import('./rescale.ts')
  return rescale(from, options)
}
