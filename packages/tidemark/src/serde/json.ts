import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from './byte-writer.ts'
import { className, hexOf, showValue } from './hex.ts'
import type { JsonCheck } from './json-type.ts'
import type { Serde } from './serde.ts'
import {
  type StandardSchema,
  type EncodeOptions,
  type InputOf,
  type OutputOf,
  isStandardSchema,
} from './standard-schema.ts'
import { decodeUtf8 } from './string.ts'
import { type ErasedOptions, schemaSerde } from './with-schema.ts'

const MAX_DEPTH = 500

// The names on the way to the part that assertPart looks at: one array for all calls, valid up to its depth.
const path: string[] = []

/**
 * Throws ERR_SERDE for what JSON.stringify would change in silence: only null, booleans, strings, finite numbers, arrays
 * and plain objects of them come back as they were. An undefined property counts as absent.
 */
function assertPart(value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (Number.isFinite(value)) return
      break
    case 'object': {
      if (value === null) return
      if (depth > MAX_DEPTH) throw refused(depth, `it is nested deeper than ${MAX_DEPTH} levels, or contains itself`)
      if (Array.isArray(value)) return assertArray(value, depth)
      const prototype: unknown = Object.getPrototypeOf(value)
      if (prototype !== Object.prototype && prototype !== null && !isForeignPlain(prototype)) break
      return assertProperties(value, depth)
    }
    default:
  }
  throw refused(depth, explain(value))
}

// A plain object of another realm: its prototype has no prototype.
function isForeignPlain(prototype: unknown): boolean {
  return typeof prototype === 'object' && prototype !== null && Object.getPrototypeOf(prototype) === null
}

function assertProperties(value: object, depth: number): void {
  const record = value as Readonly<Record<string, unknown>>
  for (const name in record) {
    const property = record[name]
    if (typeof property === 'string' || property === undefined) continue
    path[depth] = name
    assertPart(property, depth + 1)
  }
}

function assertArray(value: readonly unknown[], depth: number): void {
  for (let i = 0; i < value.length; i++) {
    path[depth] = String(i)
    assertPart(value[i], depth + 1)
  }
}

function explain(value: unknown): string {
  if (value === undefined) return 'undefined would become null or nothing: use null'
  if (typeof value === 'number') return `${value} would become null`
  if (typeof value === 'bigint') return 'JSON has no bigint: use int64() for it alone, or a string'
  if (typeof value !== 'object' || value === null) return `${showValue(value)} would get lost`
  if (value instanceof Date) return 'a Date would become a string: use its getTime(), or a schema with encode'
  return `an object of class ${className(value)} would lose its class: use plain objects, or a schema with encode`
}

function refused(depth: number, why: string): TidemarkError {
  const where = depth === 0 ? 'the value' : `the value's ${path.slice(0, Math.min(depth, 10)).join('.').slice(0, 200)}`
  return new TidemarkError('ERR_SERDE', `json() cannot keep ${where} as it is: ${why}`)
}

const JSON_SERDE: Serde<unknown> = Object.freeze({
  name: 'json',
  version: 1,
  discipline: 'frozen',
  ordered: false,
  write(value: unknown, out: ByteWriter): void {
    assertPart(value, 0)
    out.string(JSON.stringify(value))
  },
  check(value: unknown): void {
    assertPart(value, 0)
  },
  read(bytes: Uint8Array, start: number, end: number): unknown {
    const text = decodeUtf8(bytes, start, end)
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new TidemarkError('ERR_SERDE', `not JSON: ${showValue(text)}, ${hexOf(bytes, start, end)}`, { cause })
    }
  },
})

/**
 * Values as JSON text. `json<T>()` trusts the bytes to hold a T, and refuses a T that JSON cannot keep (Date, bigint,
 * Map, Set, functions): by a compile error that says why, and with ERR_SERDE at run time. Objects come back frozen.
 *
 * `json(schema)` takes a Standard Schema (zod, valibot, arktype), infers the type and validates: see withSchema.
 */
export function json<T = unknown>(this: JsonCheck<T>): Serde<T>
export function json<S extends StandardSchema>(
  this: JsonCheck<InputOf<S>>,
  schema: S,
  ...options: EncodeOptions<S>
): Serde<OutputOf<S>>
export function json(this: unknown, schema?: StandardSchema, options?: ErasedOptions): Serde<unknown> {
  if (schema === undefined) return JSON_SERDE
  if (!isStandardSchema(schema)) {
    throw new TidemarkError(
      'ERR_OPTION',
      'json(schema) needs a schema with the Standard Schema interface, as zod 3.24, valibot 1, arktype 2 and later have it',
    )
  }
  return schemaSerde(JSON_SERDE, schema, options)
}
