import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from './byte-writer.ts'
import { showValue } from './hex.ts'
import type { Serde } from './serde.ts'

function checkBytes(value: Uint8Array): void {
  if (value instanceof Uint8Array) return
  throw new TidemarkError('ERR_SERDE', `bytes() got ${showValue(value)}: pass a Uint8Array or a Buffer`)
}

const BYTES: Serde<Uint8Array> = Object.freeze({
  name: 'bytes',
  version: 1,
  discipline: 'copied',
  ordered: true,
  copies: true,
  check: checkBytes,
  write(value: Uint8Array, out: ByteWriter): void {
    checkBytes(value)
    out.raw(value)
  },
  // A copy: a view would keep the whole fetched buffer in memory, and change with it. Not slice: a Buffer's is a view.
  read: (source: Uint8Array, start: number, end: number) => new Uint8Array(source.subarray(start, end)),
})

/** Bytes as they are. A Buffer is taken too, and comes back as a Uint8Array. */
export function bytes(): Serde<Uint8Array> {
  return BYTES
}
