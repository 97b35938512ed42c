import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from '../serde/byte-writer.ts'
import { showValue } from '../serde/hex.ts'
import type { Serde } from '../serde/serde.ts'
import { string } from '../serde/string.ts'

/** string() for a groupBy that nobody gave a key serde: a key of another type throws ERR_KEY_SERDE. */
export function fallbackKey(job: string, step: string): Serde<unknown> {
  const strings = string()
  const check = (value: unknown): void => {
    if (typeof value === 'string') return
    throw new TidemarkError(
      'ERR_KEY_SERDE',
      `job ${job}, ${step}: the key is ${showValue(value)}, but without a serde it must be a string. ` +
        `Say how to encode it, as in groupBy(fn, { key: uint() }), or give the aggregate a store with a key serde`,
    )
  }
  return Object.freeze({
    name: strings.name,
    version: strings.version,
    discipline: strings.discipline,
    ordered: strings.ordered,
    check,
    write(value: unknown, out: ByteWriter): void {
      check(value)
      strings.write(value as string, out)
    },
    read: (bytes: Uint8Array, start: number, end: number) => strings.read(bytes, start, end),
  })
}
