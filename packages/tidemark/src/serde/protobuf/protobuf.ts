import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { TidemarkError } from '../../errors/error.ts'
import type { ResolvePackage } from '../../errors/optional-package.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { hexOf, showValue } from '../hex.ts'
import { loadSerdePackage } from '../load-serde-package.ts'
import type { Serde } from '../serde.ts'

/** What is used of the package @bufbuild/protobuf. */
interface ProtobufModule {
  toBinary(schema: DescMessage, message: unknown): Uint8Array
  fromBinary(schema: DescMessage, bytes: Uint8Array): unknown
  isMessage(value: unknown, schema: DescMessage): boolean
}

class ProtobufSerde implements Serde<unknown> {
  readonly name: string
  readonly version = 1
  readonly discipline = 'copied'
  readonly ordered = false
  readonly #schema: DescMessage
  readonly #library: ProtobufModule

  constructor(library: ProtobufModule, schema: DescMessage) {
    this.#library = library
    this.#schema = schema
    this.name = `protobuf(${schema.typeName})`
  }

  write(value: unknown, out: ByteWriter): void {
    if (!this.#library.isMessage(value, this.#schema)) {
      throw new TidemarkError(
        'ERR_SERDE',
        `${this.name} got ${showValue(value)}: make a message by create(${this.#schema.name}Schema, { ... })`,
      )
    }
    let encoded: Uint8Array
    try {
      encoded = this.#library.toBinary(this.#schema, value)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.slice(0, 200) : ''
      throw new TidemarkError('ERR_SERDE', `${this.name} cannot write the message: ${why}`, { cause })
    }
    out.raw(encoded)
  }

  read(bytes: Uint8Array, start: number, end: number): unknown {
    try {
      // A copy: bytes in the message would be a view of what was read otherwise.
      return this.#library.fromBinary(this.#schema, new Uint8Array(bytes.subarray(start, end)))
    } catch (cause) {
      throw new TidemarkError('ERR_SERDE', `not a message of ${this.name}: ${hexOf(bytes, start, end)}`, { cause })
    }
  }
}

/**
 * Messages of a schema that protoc-gen-es has generated (`protobuf(VisitSchema)`), by the package @bufbuild/protobuf. Fields
 * may be added as Protocol Buffers allow it; unknown ones are kept. Messages are copied in stores. For values: the bytes of
 * equal messages may differ, so that they are no keys. Throws ERR_SERDE_PACKAGE, with what to install, when the package is
 * missing.
 */
export function protobuf<D extends DescMessage>(schema: D): Serde<MessageShape<D>> {
  return protobufWith(undefined, schema)
}

/** As `protobuf`, with the package found by `resolve`: for tests. */
export function protobufWith<D extends DescMessage>(
  find: ResolvePackage | undefined,
  schema: D,
): Serde<MessageShape<D>> {
  const library = loadSerdePackage('protobuf()', find) as ProtobufModule
  const kind: unknown = (schema as { readonly kind?: unknown } | undefined)?.kind
  if (kind !== 'message') {
    throw new TidemarkError('ERR_OPTION', 'protobuf() takes the schema of a message, as protoc-gen-es generates it')
  }
  return Object.freeze(new ProtobufSerde(library, schema)) as unknown as Serde<MessageShape<D>>
}
