import { isTidemarkError } from '../errors/error.ts'
import { serdeByName } from '../serde/by-name.ts'
import { bytes } from '../serde/bytes.ts'
import type { Serde } from '../serde/serde.ts'
import { specWithSerdes } from '../store/descriptor.ts'
import type { StoreDescriptor, StoreSpec } from '../store/types.ts'

/**
 * The serde that data was written with, or, for a user's own, one of the same name and version that gives the bytes: so
 * tools show what they can, and the rest of the data is still readable.
 */
export function serdeOrBytes(name: string, version: number): Serde<unknown> {
  try {
    return serdeByName(name)
  } catch (error) {
    if (!isTidemarkError(error, 'ERR_SERDE_UNKNOWN')) throw error
    return { ...(bytes() as unknown as Serde<unknown>), name, version }
  }
}

/** A store to be read by tools; `rawValues`: its values are given as the bytes that they are kept as. */
export function readingSpec(descriptor: StoreDescriptor, rawValues: boolean): StoreSpec {
  const spec = specWithSerdes(descriptor, serdeOrBytes)
  if (!rawValues) return spec
  const { value, valueVersion } = descriptor
  return { ...spec, value: { ...(bytes() as unknown as Serde<unknown>), name: value, version: valueVersion } }
}
