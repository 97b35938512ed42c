import { Buffer } from 'node:buffer'
import type { DescFile, DescMessage } from '@bufbuild/protobuf'
import { protobuf } from 'tidemark/protobuf'
import { type ByteWriter, hexOf, loadPackage, type ResolvePackage, type Serde, TidemarkError } from 'tidemark/system'
import { readIndexes, writeIndexes } from './frame.ts'
import type { SchemaText } from './registry-client.ts'
import type { FramedCodec } from './registry-serde.ts'

/** What is used of the package @bufbuild/protobuf. */
interface ProtobufModule {
  toBinary(schema: unknown, message: unknown): Uint8Array
}
interface WellKnownModule {
  readonly FileDescriptorProtoSchema: unknown
}

const VERSION = '2.17.0'
/** Files that every registry knows. */
const WELL_KNOWN = /^google\/(protobuf|type)\//

/** Messages of a generated schema. What is added to it later is read too, so that the writer's schema is not asked for. */
export class ProtobufCodec implements FramedCodec {
  readonly type = 'PROTOBUF'
  readonly discipline: FramedCodec['discipline']
  readonly readsAlone = true
  readonly #inner: Serde<unknown>
  readonly #schema: DescMessage
  readonly #indexes: readonly number[]

  constructor(schema: DescMessage) {
    this.#schema = schema
    this.#inner = protobuf(schema) as unknown as Serde<unknown>
    this.discipline = this.#inner.discipline
    this.#indexes = indexesOf(schema)
  }

  write(value: unknown, out: ByteWriter): void {
    writeIndexes(this.#indexes, out)
    this.#inner.write(value, out)
  }

  read(bytes: Uint8Array, start: number, end: number): unknown {
    const found = readIndexes(bytes, start, end)
    if (found === null) {
      throw new TidemarkError('ERR_SERDE', `no place of a message in its file: ${hexOf(bytes, start, end)}`)
    }
    if (found.indexes.join() !== this.#indexes.join()) {
      throw new TidemarkError(
        'ERR_SERDE',
        `a value is message [${found.indexes.join(', ')}] of its file, and ${this.#schema.typeName} is [${this.#indexes.join(', ')}]`,
      )
    }
    return this.#inner.read(bytes, found.end, end)
  }
}

/** Where a message is in its file, from the outermost inwards. */
function indexesOf(schema: DescMessage): readonly number[] {
  const indexes: number[] = []
  let at: DescMessage = schema
  for (; at.parent !== undefined; at = at.parent) indexes.unshift(at.parent.nestedMessages.indexOf(at))
  return [at.file.messages.indexOf(at), ...indexes]
}

/**
 * A generated schema as registries take it: its file's descriptor in base64. ERR_OPTION for a file that imports others than
 * Google's: these would have to be registered first.
 */
export function protobufText(schema: DescMessage, find?: ResolvePackage): SchemaText {
  const { file } = schema
  const foreign = file.dependencies.find((each: DescFile) => !WELL_KNOWN.test(`${each.name}.proto`))
  if (foreign !== undefined) {
    throw new TidemarkError(
      'ERR_OPTION',
      `protobuf(): ${file.name}.proto imports ${foreign.name}.proto, which is not registered with it. Register both yourself, and leave the writing to { register: false, latest: true }`,
    )
  }
  const need = { version: VERSION, neededBy: 'protobuf() needs', code: 'ERR_SERDE_PACKAGE' } as const
  const library = loadPackage({ ...need, name: '@bufbuild/protobuf' }, find) as ProtobufModule
  const known = loadPackage({ ...need, name: '@bufbuild/protobuf/wkt' }, find) as WellKnownModule
  const bytes = library.toBinary(known.FileDescriptorProtoSchema, file.proto)
  return { schema: Buffer.from(bytes).toString('base64'), schemaType: 'PROTOBUF', references: [] }
}
