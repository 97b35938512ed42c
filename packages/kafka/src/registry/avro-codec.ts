import { Buffer } from 'node:buffer'
import {
  type AvroLibrary,
  type AvroSchema,
  type AvroType,
  type ByteWriter,
  hexOf,
  isTidemarkError,
  showValue,
  TidemarkError,
} from 'tidemark/system'
import type { FramedCodec } from './registry-serde.ts'
import type { RegisteredSchema } from './registry-client.ts'

interface Writer {
  readonly type: AvroType
  /** Undefined: values are given as they were written. */
  readonly resolver: unknown
}

/** Avro's binary encoding; read by the schema of the writer, and given as the reader's has it, if there is one. */
export class AvroCodec implements FramedCodec {
  readonly type = 'AVRO'
  readonly discipline = 'copied'
  readonly readsAlone = false
  readonly #avro: AvroLibrary
  readonly #longs: 'number' | 'bigint'
  /** Null: as written. */
  readonly #reader: AvroType | null
  readonly #writers = new Map<number, Writer>()

  /** ERR_OPTION for a schema that cannot be used. */
  constructor(avro: AvroLibrary, schema: AvroSchema | null, longs: 'number' | 'bigint') {
    this.#avro = avro
    this.#longs = longs
    this.#reader = schema === null ? null : avro.parse(schema, longs)
  }

  write(value: unknown, out: ByteWriter, own: RegisteredSchema): void {
    const type = this.#reader ?? this.#writerOf(own).type
    let encoded: Uint8Array
    try {
      encoded = type.toBuffer(value)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.slice(0, 200) : ''
      throw new TidemarkError('ERR_SERDE', `avro schema ${own.id} cannot write ${showValue(value)}: ${why}`, { cause })
    }
    out.raw(encoded)
  }

  read(bytes: Uint8Array, start: number, end: number, writer: RegisteredSchema | null): unknown {
    if (writer === null) throw new TidemarkError('ERR_INVARIANT', 'Avro is read by the schema of its writer')
    const { type, resolver } = this.#writerOf(writer)
    try {
      // A copy: bytes in the value would be a view of what was read otherwise.
      const body = Buffer.from(bytes.subarray(start, end))
      return resolver === undefined ? type.fromBuffer(body) : (this.#reader as AvroType).fromBuffer(body, resolver)
    } catch (cause) {
      const found = hexOf(bytes, start, end)
      throw new TidemarkError('ERR_SERDE', `not a value of avro schema ${writer.id}: ${found}`, { cause })
    }
  }

  /** Once for each schema. ERR_SERDE when it is no schema, or the reader's cannot read it. */
  #writerOf({ id, schema, named }: RegisteredSchema): Writer {
    const known = this.#writers.get(id)
    if (known !== undefined) return known
    let writer: Writer
    try {
      const type = this.#avro.parse(
        schema,
        this.#longs,
        named.map((each) => each.schema),
      )
      writer = { type, resolver: this.#reader === null ? undefined : this.#avro.resolver(this.#reader, type) }
    } catch (cause) {
      const why = isTidemarkError(cause) ? cause.message : String(cause)
      throw new TidemarkError('ERR_SERDE', `schema ${id} of a value cannot be read by: ${why}`, { cause })
    }
    this.#writers.set(id, writer)
    return writer
  }
}
