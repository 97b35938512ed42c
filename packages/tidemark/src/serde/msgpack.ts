import { TidemarkError } from '../errors/error.ts'
import type { ResolvePackage } from '../errors/optional-package.ts'
import type { ByteWriter } from './byte-writer.ts'
import { className, hexOf, showValue } from './hex.ts'
import { loadSerdePackage } from './load-serde-package.ts'
import type { Serde } from './serde.ts'

const MAX_DEPTH = 100
const LEAST_BIGINT = -(2n ** 63n)
const MOST_BIGINT = 2n ** 64n - 1n

/** What is used of the package @msgpack/msgpack. */
interface MsgpackModule {
  readonly Encoder: new (options: object) => { encode(value: unknown): Uint8Array }
  readonly Decoder: new (options: object) => { decode(bytes: Uint8Array): unknown }
}

/** Throws ERR_SERDE for what would not come back as it was. */
function assertKept(value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
      return
    case 'bigint':
      if (value >= LEAST_BIGINT && value <= MOST_BIGINT) return
      throw refused(`${showValue(value)} does not fit 64 bits`)
    case 'object':
      if (value === null || isBytes(value)) return
      if (depth > MAX_DEPTH) throw refused(`it is nested deeper than ${MAX_DEPTH} levels, or contains itself`)
      return assertParts(value, depth)
    default:
      throw refused(
        value === undefined ? 'undefined would become null: use null' : `${showValue(value)} would get lost`,
      )
  }
}

function isBytes(value: object): boolean {
  return value instanceof Uint8Array
}

function assertParts(value: object, depth: number): void {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertKept(value[i], depth + 1)
    return
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused('a Date is invalid')
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(`an object of class ${className(value)} would lose its class: use plain objects`)
  }
  for (const property of Object.values(value)) if (property !== undefined) assertKept(property, depth + 1)
}

function refused(why: string): TidemarkError {
  return new TidemarkError('ERR_SERDE', `msgpack() cannot keep the value as it is: ${why}`)
}

class MsgpackSerde implements Serde<unknown> {
  readonly name = 'msgpack'
  readonly version = 1
  readonly discipline = 'copied'
  readonly ordered = false
  readonly #encoder: { encode(value: unknown): Uint8Array }
  readonly #decoder: { decode(bytes: Uint8Array): unknown }

  constructor({ Encoder, Decoder }: MsgpackModule) {
    // Bigints stay bigints, and numbers numbers.
    const options = { useBigInt64: true, ignoreUndefined: true, maxDepth: MAX_DEPTH + 2 }
    this.#encoder = new Encoder(options)
    this.#decoder = new Decoder(options)
  }

  check(value: unknown): void {
    assertKept(value, 0)
  }

  write(value: unknown, out: ByteWriter): void {
    assertKept(value, 0)
    out.raw(this.#encoder.encode(value))
  }

  read(bytes: Uint8Array, start: number, end: number): unknown {
    try {
      // A copy: bytes in the value would be a view of what was read otherwise.
      return this.#decoder.decode(new Uint8Array(bytes.subarray(start, end)))
    } catch (cause) {
      throw new TidemarkError('ERR_SERDE', `not MessagePack: ${hexOf(bytes, start, end)}`, { cause })
    }
  }
}

let shared: Serde<unknown> | null = null

/**
 * Values as MessagePack, by the package @msgpack/msgpack: smaller than JSON, and with bytes (Uint8Array), Dates and bigints
 * of 64 bits. Objects are plain, properties that are undefined count as absent, -0 comes back as 0. `msgpack<T>()` trusts
 * the bytes to hold a T. Throws ERR_SERDE_PACKAGE, with what to install, when the package is missing.
 */
export function msgpack<T = unknown>(): Serde<T> {
  shared ??= msgpackWith()
  return shared as Serde<T>
}

/** As `msgpack`, with the package found by `resolve`: for tests. */
export function msgpackWith(resolve?: ResolvePackage): Serde<unknown> {
  return Object.freeze(new MsgpackSerde(loadSerdePackage('msgpack()', resolve) as MsgpackModule))
}
