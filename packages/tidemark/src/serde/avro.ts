import { Buffer } from 'node:buffer'
import { TidemarkError } from '../errors/error.ts'
import type { ResolvePackage } from '../errors/optional-package.ts'
import { avroFingerprint } from './avro-fingerprint.ts'
import type { ByteWriter } from './byte-writer.ts'
import { hexOf, showValue } from './hex.ts'
import { loadSerdePackage } from './load-serde-package.ts'
import type { Serde } from './serde.ts'

/** An Avro schema: its JSON, as text or parsed. */
export type AvroSchema = string | readonly unknown[] | { readonly type: unknown }

export interface AvroOptions {
  /** Earlier schemas: values that were written by them are read as Avro's rules of schema resolution say. */
  readonly older?: readonly AvroSchema[]
  /** Longs as numbers (default; one that is no exact number is an error), or as bigints. */
  readonly longs?: 'number' | 'bigint'
}

/** What is used of the package avsc. */
interface AvroModule {
  readonly Type: { forSchema(schema: unknown, options: object): AvroType }
  readonly types: { readonly LongType: { __with(methods: object): unknown } }
}

export interface AvroType {
  readonly name: string | undefined
  readonly typeName: string
  toBuffer(value: unknown): Uint8Array
  fromBuffer(bytes: Buffer, resolver?: unknown): unknown
  createResolver(writer: AvroType): unknown
  schema(): unknown
}

/** Avro's single-object encoding begins with these, then the fingerprint of the schema. */
const MARK = [0xc3, 0x01] as const
const FINGERPRINT_BYTES = 8
const HEAD_BYTES: number = MARK.length + FINGERPRINT_BYTES

interface Writer {
  readonly fingerprint: Uint8Array
  /** Null for the serde's own schema. */
  readonly resolver: unknown
}

class AvroSerde implements Serde<unknown> {
  readonly name: string
  readonly version = 1
  readonly discipline = 'copied'
  readonly ordered = false
  readonly #type: AvroType
  readonly #fingerprint: Uint8Array
  readonly #writers: readonly Writer[]

  constructor(library: AvroLibrary, schema: AvroSchema, { older = [], longs = 'number' }: AvroOptions) {
    const typeOf = (each: AvroSchema): AvroType => library.parse(each, longs)
    const type = typeOf(schema)
    this.#type = type
    this.name = `avro(${type.name ?? type.typeName})`
    this.#fingerprint = avroFingerprint(type.schema())
    const writers: Writer[] = [{ fingerprint: this.#fingerprint, resolver: undefined }]
    for (const each of older) {
      const writer = typeOf(each)
      writers.push({ fingerprint: avroFingerprint(writer.schema()), resolver: library.resolver(type, writer) })
    }
    this.#writers = writers
  }

  write(value: unknown, out: ByteWriter): void {
    let encoded: Uint8Array
    try {
      encoded = this.#type.toBuffer(value)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.slice(0, 200) : ''
      throw new TidemarkError('ERR_SERDE', `${this.name} cannot write ${showValue(value)}: ${why}`, { cause })
    }
    for (const byte of MARK) out.u8(byte)
    out.raw(this.#fingerprint)
    out.raw(encoded)
  }

  read(bytes: Uint8Array, start: number, end: number): unknown {
    const writer = this.#writerOf(bytes, start, end)
    try {
      // A copy: bytes in the value would be a view of what was read otherwise.
      const body = Buffer.from(bytes.subarray(start + HEAD_BYTES, end))
      return this.#type.fromBuffer(body, writer.resolver)
    } catch (cause) {
      throw new TidemarkError('ERR_SERDE', `not a value of ${this.name}: ${hexOf(bytes, start, end)}`, { cause })
    }
  }

  #writerOf(bytes: Uint8Array, start: number, end: number): Writer {
    if (end - start < HEAD_BYTES || bytes[start] !== MARK[0] || bytes[start + 1] !== MARK[1]) {
      throw new TidemarkError(
        'ERR_SERDE',
        `${this.name} reads Avro's single-object encoding, not ${hexOf(bytes, start, end)}`,
      )
    }
    const found = this.#writers.find(({ fingerprint }) =>
      fingerprint.every((byte, i) => bytes[start + MARK.length + i] === byte),
    )
    if (found !== undefined) return found
    const unknown = hexOf(bytes, start + MARK.length, start + HEAD_BYTES)
    throw new TidemarkError(
      'ERR_SERDE',
      `${this.name}: a value was written by another schema, of fingerprint ${unknown}. Name that schema in \`older\``,
    )
  }
}

/** What is made of the package avsc. */
export interface AvroLibrary {
  /** `named`: schemas that it refers to by name, before those that refer to them. ERR_OPTION. */
  parse(schema: AvroSchema, longs: 'number' | 'bigint', named?: readonly AvroSchema[]): AvroType
  /** Reads what `writer` wrote as the other type has it, by Avro's rules of schema resolution. ERR_OPTION. */
  resolver(type: AvroType, writer: AvroType): unknown
}

/** ERR_SERDE_PACKAGE. */
export function loadAvro(find?: ResolvePackage): AvroLibrary {
  const avsc = loadSerdePackage('avro()', find) as AvroModule
  return { parse: (schema, longs, named = []) => parse(avsc, schema, longs, named), resolver: resolve }
}

function parse(
  avsc: AvroModule,
  schema: AvroSchema,
  longs: 'number' | 'bigint',
  named: readonly AvroSchema[],
): AvroType {
  try {
    // oxlint-disable-next-line no-underscore-dangle -- it is documented
    const long: unknown = avsc.types.LongType.__with(LONGS[longs])
    // Each schema with a registry of its own: earlier versions have the same names.
    const options = { registry: { long }, wrapUnions: 'auto', omitRecordMethods: true }
    for (const each of named) avsc.Type.forSchema(parsed(each), options)
    return avsc.Type.forSchema(parsed(schema), options)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError('ERR_OPTION', `avro(): the schema cannot be used: ${why.slice(0, 200)}`, { cause })
  }
}

function parsed(schema: AvroSchema): unknown {
  return typeof schema === 'string' && /^\s*[[{"]/.test(schema) ? JSON.parse(schema) : schema
}

function resolve(type: AvroType, writer: AvroType): unknown {
  try {
    return type.createResolver(writer)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError(
      'ERR_OPTION',
      `avro(): an older schema cannot be read by the new one: ${why.slice(0, 200)}`,
      {
        cause,
      },
    )
  }
}

/** What avsc asks of longs that it is not to keep itself: its own lose digits below -2^52. */
function longsOf(
  ofBigint: (value: bigint) => number | bigint,
  isValid: (value: unknown) => boolean,
): Readonly<Record<string, unknown>> {
  return {
    fromBuffer: (bytes: Buffer): number | bigint => ofBigint(bytes.readBigInt64LE()),
    toBuffer: (value: number | bigint): Buffer => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64LE(BigInt(value))
      return bytes
    },
    fromJSON: (value: number): number | bigint => ofBigint(BigInt(value)),
    toJSON: Number,
    isValid,
    compare: (x: number | bigint, y: number | bigint): number => (x < y ? -1 : Number(x > y)),
  }
}

function safeNumber(value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new TidemarkError('ERR_SERDE', `avro(): the long ${value} is no exact number: read longs as bigints`)
}

const LONGS = {
  number: longsOf(safeNumber, Number.isSafeInteger),
  bigint: longsOf(BigInt, (value) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value),
} as const

/**
 * Values by an Avro schema, by the package avsc, in Avro's single-object encoding: each value says by the fingerprint of
 * its schema how it was written, so that a schema can change (name the former ones in `older`). `avro<T>(schema)` trusts
 * the schema to describe a T. Values are copied in stores. Throws ERR_SERDE_PACKAGE, with what to install, when the package
 * is missing, and ERR_OPTION for a schema that cannot be used.
 */
export function avro<T = unknown>(schema: AvroSchema, options: AvroOptions = {}): Serde<T> {
  return avroWith(undefined, schema, options) as Serde<T>
}

/** As `avro`, with the package found by `resolve`: for tests. */
export function avroWith(
  find: ResolvePackage | undefined,
  schema: AvroSchema,
  options: AvroOptions = {},
): Serde<unknown> {
  return Object.freeze(new AvroSerde(loadAvro(find), schema, options))
}
