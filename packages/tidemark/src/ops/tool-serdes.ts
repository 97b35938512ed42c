import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from '../serde/byte-writer.ts'
import { serdeByName } from '../serde/by-name.ts'
import type { Serde } from '../serde/serde.ts'
import { textOrBytes } from './record-decoder.ts'

/** Names that others use for serdes of ours. */
const ALIASES: Readonly<Record<string, string>> = { utf8: 'string', text: 'string', base64: 'bytes' }

const utf8 = new TextEncoder()

/**
 * For streams that do not tell their serdes: text where the bytes are UTF-8, the bytes themselves otherwise. Written are text
 * as it is, bytes as they are, and everything else as JSON.
 */
const ANY: Serde<unknown> = {
  name: 'auto',
  version: 1,
  discipline: 'copied',
  ordered: false,
  write(value: unknown, out: ByteWriter): void {
    const bytes = bytesIn(value) ?? utf8.encode(typeof value === 'string' ? value : JSON.stringify(value))
    out.raw(bytes, 0, bytes.length)
  },
  read: textOrBytes,
}

/**
 * The serde that a flag names: `auto`, a built-in one, or `utf8` and `base64`, which others say for `string` and `bytes`.
 * ERR_USAGE.
 */
export function toolSerde(name: string, flag: string): Serde<unknown> {
  if (name === ANY.name) return ANY
  try {
    return readsObjects(serdeByName(ALIASES[name] ?? name))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError('ERR_USAGE', `${flag}: ${why}; also auto, utf8, base64`, { cause })
  }
}

/** JSON has no bytes: `{"base64":"..."}` stands for them, as `streams read --json` prints them. */
export function readsObjects(serde: Serde<unknown>): Serde<unknown> {
  if (serde.name !== 'bytes') return serde
  return { ...serde, write: (value, out) => serde.write(bytesIn(value) ?? value, out) }
}

/** The bytes that `{"base64":"..."}` stands for; null for anything else. */
export function bytesIn(value: unknown): Uint8Array | null {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return null
  const text = (value as { readonly base64?: unknown }).base64
  return typeof text === 'string' ? Uint8Array.from(Buffer.from(text, 'base64')) : null
}
