import { Buffer } from 'node:buffer'
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { type AvroSchema, type Clock, loadAvro, type Serde, systemClock, TidemarkError } from 'tidemark/system'
import { AvroCodec } from './avro-codec.ts'
import { JsonCodec, type JsonSchema } from './json-codec.ts'
import { KnownSchemas } from './known-schemas.ts'
import { MEMORY_URL, memoryFetch } from './memory-registry.ts'
import { OwnSchema, type RegistryAccess } from './own-schema.ts'
import { ProtobufCodec, protobufText } from './protobuf-codec.ts'
import { RegistryClient, type SchemaText, type SchemaType } from './registry-client.ts'
import { RegistrySerde } from './registry-serde.ts'

export type { JsonSchema } from './json-codec.ts'

/** Where a schema registry is. */
export interface SchemaRegistryOptions {
  /** One URL, or several of the same registry. `memory:` is one in this process, for tests: it is empty, and takes every schema. */
  readonly url: string | readonly string[]
  /** Basic authentication. */
  readonly username?: string
  readonly password?: string
  /** Of a bearer, instead. */
  readonly token?: string
  /** Of one request, ms (default 10000). */
  readonly timeoutMs?: number
  /** How long a registry that is away is waited for before the task fails, ms (default 60000). */
  readonly patienceMs?: number
  /** For tests and simulation. */
  readonly clock?: Clock
  readonly random?: () => number
  readonly fetch?: typeof fetch
}

/** What a serde writes by. */
export interface SubjectOptions {
  /** Under which the schema is registered: usually the topic's name and `-value` or `-key`. */
  readonly subject: string
  /** Default true. False: the schema must be there already. */
  readonly register?: boolean
}

export interface AvroSubjectOptions extends SubjectOptions {
  /** What values are read as, and written by. Without it: as they were written, and by the newest of the subject. */
  readonly schema?: AvroSchema
  /** Longs as numbers (default; one that is no exact number is an error), or as bigints. */
  readonly longs?: 'number' | 'bigint'
}

export interface JsonSubjectOptions extends SubjectOptions {
  /** What values are validated by. Without it: by the schema they were written with, and by the newest of the subject. */
  readonly schema?: JsonSchema
}

export interface ProtobufSubjectOptions extends SubjectOptions {
  /** True: values are written with the id of the newest schema of the subject, whatever registered it. */
  readonly latest?: boolean
}

/** Serdes whose values name a schema of a registry, in Confluent's wire format. */
export interface SchemaRegistry {
  avro<T = unknown>(options: AvroSubjectOptions): Serde<T>
  jsonSchema<T = unknown>(options: JsonSubjectOptions): Serde<T>
  /** Of a schema that protoc-gen-es has generated. */
  protobuf<D extends DescMessage>(schema: D, options: ProtobufSubjectOptions): Serde<MessageShape<D>>
}

const TIMEOUT_MS = 10_000
const PATIENCE_MS = 60_000

/**
 * A schema registry (Confluent's, or one that speaks its REST interface). Nothing is asked here: schemas that values are
 * written by are registered or looked up when a run starts, those that values were written by when they are met, before
 * their batch is decoded. For streams of a run, on any system, and of `testJob`.
 *
 *     const registry = schemaRegistry({ url: 'http://localhost:8081' })
 *     const visits = stream('visits', { key: string(), value: registry.avro<Visit>({ subject: 'visits-value', schema }) })
 *
 * ERR_OPTION, ERR_SERDE_PACKAGE; in a run ERR_REGISTRY_UNREACHABLE, ERR_REGISTRY_REFUSED, and ERR_SERDE for a value that cannot be read.
 */
export function schemaRegistry(options: SchemaRegistryOptions): SchemaRegistry {
  const clock = options.clock ?? systemClock
  const client = new RegistryClient({
    urls: urlsOf(options.url),
    authorization: authorizationOf(options),
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    clock,
    random: options.random ?? Math.random,
    fetch: options.fetch ?? (options.url === MEMORY_URL ? memoryFetch() : fetch),
  })
  const access: RegistryAccess = { client, known: new KnownSchemas(client, clock) }
  const own = ({ subject, register = true }: SubjectOptions, text: SchemaText | null): OwnSchema => {
    if (subject === '') throw new TidemarkError('ERR_OPTION', 'the subject of a schema has no name')
    return new OwnSchema(access, { subject, text, register })
  }
  return {
    avro<T>(given: AvroSubjectOptions): Serde<T> {
      const { schema = null, longs = 'number' } = given
      const codec = new AvroCodec(loadAvro(), schema, longs)
      return serde<T>(access, own(given, schema === null ? null : textOf('AVRO', schema)), codec)
    },
    jsonSchema<T>(given: JsonSubjectOptions): Serde<T> {
      const { schema = null } = given
      return serde<T>(access, own(given, schema === null ? null : textOf('JSON', schema)), new JsonCodec(schema))
    },
    protobuf<D extends DescMessage>(schema: D, given: ProtobufSubjectOptions): Serde<MessageShape<D>> {
      const text = given.latest === true ? null : protobufText(schema)
      return serde<MessageShape<D>>(access, own(given, text), new ProtobufCodec(schema))
    },
  }
}

function serde<T>(access: RegistryAccess, own: OwnSchema, codec: AvroCodec | JsonCodec | ProtobufCodec): Serde<T> {
  return new RegistrySerde(access, own, codec) as unknown as Serde<T>
}

function textOf(schemaType: SchemaType, schema: unknown): SchemaText {
  return { schema: typeof schema === 'string' ? schema : JSON.stringify(schema), schemaType, references: [] }
}

function urlsOf(url: string | readonly string[]): readonly string[] {
  if (url === MEMORY_URL) return [MEMORY_URL]
  const urls = typeof url === 'string' ? [url] : url
  for (const each of urls) {
    if (URL.canParse(each) && /^https?:/.test(each)) continue
    throw new TidemarkError('ERR_OPTION', `"${each}" is no URL of a schema registry: write http://host:8081`)
  }
  if (urls.length === 0) throw new TidemarkError('ERR_OPTION', 'no URL of a schema registry is given')
  return urls.map((each) => each.replace(/\/+$/, ''))
}

function authorizationOf({ username, password, token }: SchemaRegistryOptions): string | null {
  if (token !== undefined) return `Bearer ${token}`
  if (username === undefined) return null
  return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`
}
