import { TidemarkError } from '../errors/error.ts'
import { murmur2, partitionOf } from '../hash/murmur2.ts'
import { SetKeys } from '../store/set-key.ts'
import { hasSuffix } from '../store/stored-serde.ts'
import type { StoreDescriptor } from '../store/types.ts'
import { WindowKeys } from '../store/window-key.ts'

/** Which of `tasks` tasks an encoded key of one store belongs to. ERR_STATE_CORRUPT for bytes that are no key of it. */
export type OwnerOf = (key: Uint8Array, tasks: number) => number

/**
 * How entries of a store are moved when the number of tasks changes: by the bytes of the user's key, hashed as the log
 * hashes the keys of messages. ERR_STORE_RESCALE for a store that cannot be moved so: one that is declared as opaque, one
 * that goes by a function (which only the job's code has), and the runtime's own (names with `$`).
 */
export function ownerOf(store: StoreDescriptor): OwnerOf {
  const { kind, partitionBy = 'identity', windowSizeMs } = store
  const name = store.of ?? store.name
  if (name.startsWith('$')) {
    throw cannotMove(name, 'it holds open windows or timers', 'Moving these is not built yet: keep the number of tasks')
  }
  if (partitionBy === 'opaque') {
    throw cannotMove(
      name,
      "it is declared with partitionBy: 'opaque', so its keys do not say which task they belong to",
      'Say by partitionBy which message key each of its keys belongs to, or drop the store before the savepoint',
    )
  }
  if (partitionBy === 'function') {
    throw cannotMove(
      name,
      "its keys go to tasks by a function of the job's code",
      'Key it by the message key, or drop the store before the savepoint',
    )
  }
  if (kind === 'set') {
    const sets = new SetKeys(name)
    return (key, tasks) => partitionOf(murmur2(sets.userKeyOf(key)), tasks)
  }
  if (hasSuffix(kind)) {
    const keys = new WindowKeys(name, kind === 'windows' || kind === 'session' ? windowSizeMs : 0)
    return (key, tasks) => partitionOf(murmur2(keys.userKeyOf(key)), tasks)
  }
  return (key, tasks) => partitionOf(murmur2(key), tasks)
}

export function cannotMove(store: string, why: string, wayOut: string): TidemarkError {
  return new TidemarkError('ERR_STORE_RESCALE', `store ${store} cannot be rescaled: ${why}. ${wayOut}.`, {
    details: { store },
  })
}
