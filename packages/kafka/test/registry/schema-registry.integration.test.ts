import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { create, createFileRegistry, fromBinary, type DescMessage } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  TimestampSchema,
} from '@bufbuild/protobuf/wkt'
import { defineJob, kv, stream, string } from 'tidemark'
import { testJob } from 'tidemark/testing'
import { ByteWriter, type Serde, TidemarkError } from 'tidemark/system'
import { ManualClock } from '../../../tidemark/src/clock/clock.ts'
import { type SchemaRegistry, schemaRegistry, type SchemaRegistryOptions } from '../../src/registry/schema-registry.ts'
import { RegistryServer } from './registry-server.ts'

const V1 = { type: 'record', name: 'Visit', fields: [{ name: 'page', type: 'string' }] }
const V2 = {
  type: 'record',
  name: 'Visit',
  fields: [
    { name: 'page', type: 'string' },
    { name: 'times', type: 'long', default: 1 },
  ],
}
const PERSON = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name'],
}

let server: RegistryServer
let url = ''

before(async () => {
  server = new RegistryServer()
  url = await server.start()
})
after(() => server.stop())
beforeEach(() => {
  server.asked.length = 0
  server.status = null
})

function registry(more: Partial<SchemaRegistryOptions> = {}): SchemaRegistry {
  return schemaRegistry({ url, patienceMs: 0, ...more })
}

async function write(serde: Serde<unknown>, value: unknown): Promise<Uint8Array> {
  await serde.prepare?.write()
  const out = new ByteWriter(16)
  serde.write(value, out)
  return out.bytes.slice(0, out.position)
}

/** As a batch of one record is read. */
async function read(serde: Serde<unknown>, bytes: Uint8Array): Promise<unknown> {
  await serde.prepare?.read(bytes, 0, bytes.length)
  // Records of avsc have classes of their own.
  return structuredClone(serde.read(bytes, 0, bytes.length))
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const idHex = (id: number): string => id.toString(16).padStart(8, '0')

test('avro: values are framed by the id under which the schema was registered, once', async () => {
  const visits = registry().avro({ subject: 'visits-value', schema: V1 })
  const bytes = await write(visits, { page: '/' })
  const id = server.register('visits-value', { schema: JSON.stringify(V1) })
  assert.equal(hex(bytes), `00${idHex(id)}022f`)
  await write(visits, { page: '/b' })
  assert.deepEqual(server.asked, ['POST /subjects/visits-value/versions'])
  assert.deepEqual(await read(visits, bytes), { page: '/' })
  assert.equal(visits.prepare?.read(bytes, 0, bytes.length), null, 'its own schema is at hand')
})

test('avro: a value of another schema is resolved to the reader’s; its schema is asked for once, before it is read', async () => {
  const old = await write(registry().avro({ subject: 'changed-value', schema: V1 }), { page: '/' })
  const reader = registry().avro({ subject: 'changed-value', schema: V2 })
  server.asked.length = 0
  assert.throws(() => reader.read(old, 0, old.length), { code: 'ERR_SERDE', message: /was not asked for/ })
  const [first, second] = [reader.prepare?.read(old, 0, old.length), reader.prepare?.read(old, 0, old.length)]
  assert.ok(first instanceof Promise && first === second, 'two values of a batch wait for one request')
  await first
  assert.deepEqual(structuredClone(reader.read(old, 0, old.length)), { page: '/', times: 1 })
  assert.equal(server.asked.length, 1)
  const asWritten = registry().avro({ subject: 'changed-value' })
  assert.deepEqual(await read(asWritten, old), { page: '/' })
})

test('avro: without a schema of its own, what is newest under the subject is written by; references are resolved', async () => {
  const user = { type: 'record', name: 'User', namespace: 'shop', fields: [{ name: 'name', type: 'string' }] }
  server.register('shop.User', { schema: JSON.stringify(user) })
  const order = { type: 'record', name: 'Order', namespace: 'shop', fields: [{ name: 'by', type: 'shop.User' }] }
  const references = [{ name: 'shop.User', subject: 'shop.User', version: 1 }]
  const id = server.register('orders-value', { schema: JSON.stringify(order), references })
  const orders = registry().avro({ subject: 'orders-value' })
  const bytes = await write(orders, { by: { name: 'ada' } })
  assert.equal(hex(bytes), `00${idHex(id)}06616461`)
  assert.deepEqual(await read(registry().avro({ subject: 'orders-value' }), bytes), { by: { name: 'ada' } })
})

test('avro: longs beyond 2^53 as bigints; ERR_SERDE for a value that the schema does not take', async () => {
  const schema = { type: 'record', name: 'L', fields: [{ name: 'l', type: 'long' }] }
  const longs = registry().avro({ subject: 'longs', schema, longs: 'bigint' })
  const value = { l: 9007199254740993n }
  assert.deepEqual(await read(longs, await write(longs, value)), value)
  await assert.rejects(write(longs, { l: 'x' }), { code: 'ERR_SERDE', message: /cannot write/ })
})

test('JSON Schema: written and read values are validated', async () => {
  const people = registry().jsonSchema({ subject: 'people-value', schema: PERSON })
  const bytes = await write(people, { name: 'ada', age: 36 })
  const id = server.register('people-value', { schema: JSON.stringify(PERSON), schemaType: 'JSON' })
  assert.equal(hex(bytes), `00${idHex(id)}${Buffer.from('{"name":"ada","age":36}').toString('hex')}`)
  assert.deepEqual(await read(people, bytes), { name: 'ada', age: 36 })
  await assert.rejects(write(people, { age: 1.5 }), {
    code: 'ERR_SERDE',
    message: /must have required property 'name'/,
  })
  const wrong = unhex(`00 ${idHex(id)} ${Buffer.from('{"name":7}').toString('hex')}`)
  await assert.rejects(read(people, wrong), { code: 'ERR_SERDE', message: /\/name must be string/ })
  // A reader without a schema goes by that of the writer.
  await assert.rejects(read(registry().jsonSchema({ subject: 'people-value' }), wrong), {
    message: /\/name must be string/,
  })
  const modern = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'array',
    prefixItems: [{ type: 'string' }],
  }
  const pairs = registry().jsonSchema({ subject: 'pairs', schema: modern })
  await assert.rejects(write(pairs, [1]), { message: /\/0 must be string/ })
})

test('Protocol Buffers: the place of the message in its file is between id and message', async () => {
  const events = registry().protobuf(TimestampSchema, { subject: 'times-value' })
  const bytes = await write(events as Serde<unknown>, create(TimestampSchema, { seconds: 5n }))
  const { Nested } = nested()
  const inner = registry().protobuf(Nested, { subject: 'nested-value' })
  const nestedBytes = await write(inner as Serde<unknown>, create(Nested, { text: 'a' }))
  const first = server.register('none', { schema: '"string"' }) - 2
  assert.equal(hex(bytes), `00${idHex(first)}000805`)
  assert.equal(hex(nestedBytes), `00${idHex(first + 1)}0402000a0161`)
  const back = (await read(events as Serde<unknown>, bytes)) as { readonly seconds: bigint }
  assert.equal(back.seconds, 5n)
  const other = unhex(`00 ${idHex(first)} 0202 0805`)
  await assert.rejects(read(events as Serde<unknown>, other), {
    code: 'ERR_SERDE',
    message: /message \[1\] of its file, and google\.protobuf\.Timestamp is \[0\]/,
  })
  // What was registered is the file's descriptor.
  const stored = (await (await fetch(`${url}/schemas/ids/${first}`)).json()) as { schema: string; schemaType: string }
  assert.equal(stored.schemaType, 'PROTOBUF')
  const descriptor = fromBinary(FileDescriptorProtoSchema, Buffer.from(stored.schema, 'base64'))
  assert.equal(descriptor.name, 'google/protobuf/timestamp.proto')
})

test('ERR_REGISTRY_REFUSED: a schema that is not compatible, one that is not registered, wrong credentials', async () => {
  server.incompatible.add(JSON.stringify(V2))
  const incompatible = registry().avro({ subject: 'visits-value', schema: V2 })
  await assert.rejects(write(incompatible, { page: '/', times: 1 }), {
    code: 'ERR_REGISTRY_REFUSED',
    message: /a schema for visits-value: the field "b" has no default\. Change the schema so that it is compatible/,
  })
  server.incompatible.clear()
  const absent = registry().avro({ subject: 'nowhere-value', schema: V2, register: false })
  await assert.rejects(write(absent, { page: '/', times: 1 }), {
    code: 'ERR_REGISTRY_REFUSED',
    message: /Schema not found\. Register it first/,
  })
  server.register('nowhere-value', { schema: JSON.stringify(V2) })
  assert.ok((await write(absent, { page: '/', times: 1 })).length > 5, 'asked again after a failure')
  server.status = 401
  const denied = registry({ username: 'ada', password: 'x' }).avro({ subject: 'denied', schema: V1 })
  await assert.rejects(write(denied, { page: '/' }), {
    code: 'ERR_REGISTRY_REFUSED',
    message: /Check user and password/,
  })
  assert.equal(server.authorization, `Basic ${Buffer.from('ada:x').toString('base64')}`)
})

test('an id that the registry does not have is an error of the value, and is asked for again later', async () => {
  const clock = new ManualClock()
  const reader = registry({ clock }).avro({ subject: 'late' })
  const id = server.register('before', { schema: '"int"' }) + 1
  const bytes = unhex(`00 ${idHex(id)} 0261`)
  await assert.rejects(read(reader, bytes), {
    code: 'ERR_SERDE',
    message: new RegExp(`schema ${id} of a value cannot be had`),
  })
  assert.equal(server.register('late', { schema: '{"type":"string"}' }), id)
  await assert.rejects(read(reader, bytes), { code: 'ERR_SERDE' }, 'not at once')
  clock.advance(10_000)
  assert.equal(await read(reader, bytes), 'a')
})

test('ERR_SERDE for bytes without a frame, and for a schema of another type', async () => {
  const visits = registry().avro({ subject: 'visits-value' })
  await assert.rejects(read(visits, unhex('022f')), {
    code: 'ERR_SERDE',
    message: /with the id of a schema before them/,
  })
  const id = server.register('people-value', { schema: JSON.stringify(PERSON), schemaType: 'JSON' })
  await assert.rejects(read(visits, unhex(`00 ${idHex(id)} 022f`)), { code: 'ERR_SERDE', message: /is of type JSON/ })
})

test('a registry that is away is waited for; ERR_REGISTRY_UNREACHABLE names each URL when it stays away', async () => {
  const gone = new RegistryServer()
  const urls = [await gone.start(), url]
  await gone.stop()
  const visits = registry({ url: urls }).avro({ subject: 'visits-value', schema: V1 })
  assert.ok((await write(visits, { page: '/' })).length > 5, 'the second URL answers')
  server.status = 503
  const away = registry({ url: urls }).avro({ subject: 'visits-value', schema: V1 })
  await assert.rejects(write(away, { page: '/' }), (error: unknown) => {
    assert.ok(error instanceof TidemarkError && error.code === 'ERR_REGISTRY_UNREACHABLE')
    assert.equal(error.retry, 'later')
    assert.match(error.message, /127\.0\.0\.1:\d+: .*ECONNREFUSED.*; http:\/\/127\.0\.0\.1:\d+: it answers 503/)
    return true
  })
  const patient = write(registry({ patienceMs: 60_000 }).avro({ subject: 'visits-value', schema: V1 }), { page: '/' })
  const asked = server.asked.length
  while (server.asked.length < asked + 2) await new Promise((done) => setTimeout(done, 1))
  server.status = null
  assert.ok((await patient).length > 5)
})

test('ERR_OPTION for what is no URL, subject or schema', () => {
  assert.throws(() => schemaRegistry({ url: 'localhost:8081' }), { code: 'ERR_OPTION', message: /http:\/\/host:8081/ })
  assert.throws(() => schemaRegistry({ url: [] }), { code: 'ERR_OPTION' })
  assert.throws(() => registry().avro({ subject: '' }), { code: 'ERR_OPTION' })
  assert.throws(() => registry().avro({ subject: 's', schema: { type: 'recrod' } }), { code: 'ERR_OPTION' })
  assert.throws(() => registry().jsonSchema({ subject: 's', schema: { type: 'strnig' } }), { code: 'ERR_OPTION' })
})

/** A file with two messages, the second with one in it. */
function nested(): { readonly Nested: DescMessage } {
  const { STRING: type } = FieldDescriptorProto_Type
  const { OPTIONAL: label } = FieldDescriptorProto_Label
  const field = { name: 'text', number: 1, type, label, jsonName: 'text' }
  const file = create(FileDescriptorProtoSchema, {
    name: 'nested.proto',
    syntax: 'proto3',
    messageType: [{ name: 'First' }, { name: 'Outer', nestedType: [{ name: 'Nested', field: [field] }] }],
  })
  const found = createFileRegistry(file, () => undefined).getMessage('Outer.Nested')
  assert.ok(found !== undefined)
  return { Nested: found }
}

test('ERR_SERDE: testJob works with serdes of a registry in memory, once it has got what they need; without a network', async () => {
  const local = schemaRegistry({ url: 'memory:' })
  const visits = stream('visits', {
    key: string(),
    value: local.avro<{ page: string; times: number }>({ subject: 'visits-value', schema: V2 }),
  })
  const people = stream('people', {
    key: string(),
    value: local.jsonSchema<{ name: string }>({ subject: 'people-value', schema: PERSON }),
  })
  const newest = kv('newest', {
    key: string(),
    value: local.avro<{ page: string }>({ subject: 'newest-value', schema: V1 }),
  })
  const job = defineJob('registered', {
    inputs: { visits },
    outputs: { people },
    stores: { newest },
    task: {
      visits({ key, value }, { stores, send }) {
        stores.newest.put(key ?? '', { page: value?.page ?? '' })
        send.people(key, { name: `${value?.page} ${value?.times}` })
      },
    },
  })
  const run = testJob(job)
  assert.throws(() => run.send(visits, 'ada', { page: '/', times: 2 }), {
    code: 'ERR_SERDE',
    message: /await settled\(\) once/,
  })
  await run.settled()
  run.send(visits, 'ada', { page: '/', times: 2 })
  run.crash()
  run.send(visits, 'ada', { page: '/a', times: 3 })
  assert.deepEqual(run.values(people), [{ name: '/ 2' }, { name: '/a 3' }])
  assert.equal(run.store(newest).get('ada')?.page, '/a')
  run.close()
})

test('a registry in memory answers as one does: ids by text, versions by subject, what is not there', async () => {
  const local = schemaRegistry({ url: 'memory:' })
  const written = await write(local.avro({ subject: 'a', schema: V1 }), { page: '/' })
  const same = await write(local.avro({ subject: 'b', schema: V1 }), { page: '/' })
  const other = await write(local.avro({ subject: 'a', schema: V2 }), { page: '/', times: 1 })
  assert.deepEqual([hex(written), hex(same), hex(other)], ['0000000001022f', '0000000001022f', '0000000002022f02'])
  assert.deepEqual(await read(local.avro({ subject: 'a', schema: V2 }), written), { page: '/', times: 1 })
  assert.equal(hex(await write(local.avro({ subject: 'a' }), { page: '/', times: 2 })), '0000000002022f04')
  const missing = local.avro({ subject: 'c', schema: V1, register: false })
  await assert.rejects(write(missing, { page: '/' }), { code: 'ERR_REGISTRY_REFUSED' })
  await assert.rejects(write(local.avro({ subject: 'c' }), { page: '/' }), { code: 'ERR_REGISTRY_REFUSED' })
})
