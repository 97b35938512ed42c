import { type ByteWriter, hexOf, type Serde, type SerdePreparation, TidemarkError } from 'tidemark/system'
import { HEAD_BYTES, schemaId, writeHead } from './frame.ts'
import type { OwnSchema, RegistryAccess } from './own-schema.ts'
import type { RegisteredSchema, SchemaType } from './registry-client.ts'

/** How the part behind the frame is written, and read by the schema that it was written with. */
export interface FramedCodec {
  readonly type: SchemaType
  readonly discipline: Serde<unknown>['discipline']
  write(value: unknown, out: ByteWriter, own: RegisteredSchema): void
  /** `writer` is null where reading needs no schema but the reader's own. */
  read(bytes: Uint8Array, start: number, end: number, writer: RegisteredSchema | null): unknown
  /** True: values can be read without asking for the schema that they were written by. */
  readonly readsAlone: boolean
}

/** A serde of values that say by an id which schema of a registry they were written with. */
export class RegistrySerde implements Serde<unknown> {
  readonly name: string
  readonly version = 1
  readonly discipline: Serde<unknown>['discipline']
  readonly ordered = false
  readonly prepare: SerdePreparation
  readonly #access: RegistryAccess
  readonly #own: OwnSchema
  readonly #codec: FramedCodec

  constructor(access: RegistryAccess, own: OwnSchema, codec: FramedCodec) {
    this.name = `registry-${codec.type.toLowerCase()}(${own.subject})`
    this.discipline = codec.discipline
    this.#access = access
    this.#own = own
    this.#codec = codec
    this.prepare = {
      write: () => own.ready(),
      read: (bytes, start, end) => {
        const id = codec.readsAlone ? -1 : schemaId(bytes, start, end)
        return id < 0 ? null : access.known.wanted(id)
      },
    }
  }

  write(value: unknown, out: ByteWriter): void {
    const own = this.#own.schema
    const start = out.position
    try {
      writeHead(own.id, out)
      this.#codec.write(value, out, own)
    } catch (error) {
      out.position = start
      throw error
    }
  }

  read(bytes: Uint8Array, start: number, end: number): unknown {
    const id = schemaId(bytes, start, end)
    if (id < 0) {
      const found = hexOf(bytes, start, end)
      throw new TidemarkError(
        'ERR_SERDE',
        `${this.name} reads values with the id of a schema before them (a byte 0 and four bytes), not ${found}`,
      )
    }
    const writer = this.#codec.readsAlone ? null : this.#writerOf(id)
    return this.#codec.read(bytes, start + HEAD_BYTES, end, writer)
  }

  #writerOf(id: number): RegisteredSchema {
    const found = this.#access.known.get(id)
    if (found instanceof TidemarkError) {
      throw new TidemarkError('ERR_SERDE', `${this.name}: schema ${id} of a value cannot be had: ${found.message}`, {
        cause: found,
      })
    }
    if (found === null) {
      throw new TidemarkError(
        'ERR_SERDE',
        `${this.name}: schema ${id} of a value was not asked for: serdes of a schema registry work in the streams of a run`,
      )
    }
    if (found.schemaType !== this.#codec.type) {
      throw new TidemarkError(
        'ERR_SERDE',
        `${this.name}: a value was written by schema ${id}, which is of type ${found.schemaType}`,
      )
    }
    return found
  }
}
