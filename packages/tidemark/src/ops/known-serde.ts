import { isTidemarkError } from '../errors/error.ts'
import { serdeByName } from '../serde/by-name.ts'
import { bytes } from '../serde/bytes.ts'
import type { Serde } from '../serde/serde.ts'
import { specWithSerdes } from '../store/descriptor.ts'
import { storeOf } from '../store/generations.ts'
import { storedSerde } from '../store/stored-serde.ts'
import type { StoreDescriptor, StoreSpec } from '../store/types.ts'

/**
 * The serde that data was written with, or, for a user's own, one of the same name and version that gives the bytes: so
 * tools show what they can, and the rest of the data is still readable.
 */
export function serdeOrBytes(name: string, version: number): Serde<unknown> {
  try {
    return serdeByName(name)
  } catch (error) {
    if (!isTidemarkError(error, 'ERR_SERDE_UNKNOWN') && !isTidemarkError(error, 'ERR_SERDE_PACKAGE')) throw error
    return { ...(bytes() as unknown as Serde<unknown>), name, version }
  }
}

/**
 * A store to be read by tools; `rawValues`: its values are given as the bytes that they are kept as. Values of older
 * versions come as they were written: only the job can upgrade them. `written`: what data of the task is there under.
 */
export function readingSpec(
  descriptor: StoreDescriptor,
  rawValues: boolean,
  written: readonly StoreDescriptor[],
): StoreSpec {
  const { name, renamedFrom, value, valueVersion } = descriptor
  const spec: StoreSpec = {
    ...specWithSerdes(descriptor, serdeOrBytes),
    ...(renamedFrom === undefined ? {} : { renamedFrom }),
    // A serde of the same name reads all versions: they are the job's own count.
    upgradeFrom: () => null,
  }
  if (rawValues)
    return { ...spec, value: { ...(bytes() as unknown as Serde<unknown>), name: value, version: valueVersion } }
  const own = written.filter((each) => storeOf(each) === name || storeOf(each) === renamedFrom)
  return own.every((each) => each.value === value) ? spec : anySerde(spec)
}

/** The name of the serde of a store whose values were written by several. */
const ANY = '*'

/** Values that several serdes wrote: each is told apart by a number before its bytes, in memory only. */
function anySerde(spec: StoreSpec): StoreSpec {
  const serdes: Serde<unknown>[] = []
  const value: Serde<unknown> = {
    ...storedSerde(spec.kind, bytes() as unknown as Serde<unknown>),
    name: ANY,
    version: 0,
    discipline: 'copied',
    read: (from, start, end) => (serdes[from[start] as number] as Serde<unknown>).read(from, start + 1, end),
  }
  return {
    ...spec,
    value,
    upgradeFrom: (written) => {
      const number = serdes.push(storedSerde(spec.kind, serdeOrBytes(written.value, written.valueVersion))) - 1
      return (from, start, end, out) => {
        out.u8(number)
        out.raw(from, start, end)
      }
    },
  }
}
