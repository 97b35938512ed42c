import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from './byte-writer.ts'
import { showValue } from './hex.ts'
import type { Serde } from './serde.ts'

/** The version before a serde's, and how a value of that one becomes a value of this one. */
export interface PreviousVersion {
  readonly serde: Serde<unknown>
  readonly upgrade: (old: unknown) => unknown
}

interface UpgradedSerde extends Serde<unknown> {
  readonly previous: PreviousVersion
}

/**
 * The serde of a store whose values have changed their shape: it writes values by `to`, and a value that was written by
 * `from` is read by that and given to `upgrade`. Chains by nesting: `from` may be an upgraded serde itself. Its name is
 * that of `to`; its version that of `to`, or one above that of `from` if that is higher.
 *
 * `upgrade` runs when a value is read, and once more when its entry is rewritten: it must depend on the value alone. For
 * the values of stores: keys, members of sets and messages of streams have no versions. ERR_OPTION.
 */
export function upgraded<Old, New>(from: Serde<Old>, to: Serde<New>, upgrade: (old: Old) => NoInfer<New>): Serde<New> {
  for (const [what, serde] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (typeof serde === 'object' && serde !== null && 'write' in serde && 'read' in serde) continue
    throw new TidemarkError(
      'ERR_OPTION',
      `upgraded: ${what} must be a serde, as string() or json(), not ${showValue(serde)}`,
    )
  }
  if (typeof upgrade !== 'function') {
    throw new TidemarkError('ERR_OPTION', 'upgraded: give a function that makes a new value of an old one')
  }
  const previous = { serde: from as unknown as Serde<unknown>, upgrade: upgrade as (old: unknown) => unknown }
  return renumbered(to, Math.max(to.version, from.version + 1), previous)
}

/**
 * The same serde under another version: of a store whose values are all of that version by now, or to be named as the
 * first argument of `upgraded`. ERR_OPTION.
 */
export function withVersion<T>(serde: Serde<T>, version: number): Serde<T> {
  const previous = previousVersion(serde as unknown as Serde<unknown>)
  const least = previous === null ? 1 : previous.serde.version + 1
  if (Number.isInteger(version) && version >= least) return renumbered(serde, version, previous)
  throw new TidemarkError(
    'ERR_OPTION',
    `withVersion: the version must be a whole number from ${least}, not ${showValue(version)}`,
  )
}

/** What a serde that `upgraded` made upgrades from; null for all others. */
export function previousVersion(serde: Serde<unknown>): PreviousVersion | null {
  return 'previous' in serde ? (serde as UpgradedSerde).previous : null
}

function renumbered<T>(serde: Serde<T>, version: number, previous: PreviousVersion | null): Serde<T> {
  return Object.freeze({
    name: serde.name,
    version,
    discipline: serde.discipline,
    ordered: serde.ordered,
    ...(serde.prepare === undefined ? {} : { prepare: serde.prepare }),
    write: (value: T, out: ByteWriter): void => serde.write(value, out),
    ...(serde.check === undefined ? {} : { check: (value: T): void => serde.check?.(value) }),
    read: (bytes: Uint8Array, start: number, end: number): T => serde.read(bytes, start, end),
    ...(previous === null ? {} : { previous }),
  })
}
