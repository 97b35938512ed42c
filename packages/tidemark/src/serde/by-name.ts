import { TidemarkError } from '../errors/error.ts'
import { bytes } from './bytes.ts'
import { json } from './json.ts'
import { msgpack } from './msgpack.ts'
import { boolean, float64, int32, int64 } from './numbers.ts'
import type { Serde } from './serde.ts'
import { string } from './string.ts'
import { tuple } from './tuple.ts'
import { uint } from './uint.ts'

function erased<T>(serde: Serde<T>): Serde<unknown> {
  return serde as unknown as Serde<unknown>
}

const SERDES: ReadonlyMap<string, Serde<unknown>> = new Map(
  [
    erased(string()),
    erased(bytes()),
    erased(json()),
    erased(int32()),
    erased(int64()),
    erased(float64()),
    erased(uint()),
    erased(boolean()),
  ].map((serde) => [serde.name, serde]),
)

/**
 * The serde that data was written with, from the name kept beside the data: `string`, `tuple(string,uint)` and so on. So
 * tools read state and streams without the job. Throws ERR_SERDE_UNKNOWN for a user's own serde, and
 * ERR_SERDE_PACKAGE when `msgpack` is not installed.
 */
export function serdeByName(name: string): Serde<unknown> {
  const simple = SERDES.get(name)
  if (simple !== undefined) return simple
  if (name === 'msgpack') return msgpack()
  const inner = /^tuple\((.+)\)$/.exec(name)?.[1]
  if (inner !== undefined) return erased(tuple(...splitTop(inner).map(serdeByName)))
  const known = [...SERDES.keys(), 'msgpack', 'tuple(...)'].join(', ')
  throw new TidemarkError('ERR_SERDE_UNKNOWN', `no serde is named ${JSON.stringify(name)}; known are ${known}`)
}

// Splits at the commas that are in no parentheses.
function splitTop(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  parts.push(text.slice(from))
  return parts
}
