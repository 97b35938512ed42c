// biome-ignore-all format: an error must be on the line after its comment
/*
 * What the compiler must refuse. Each line after an `@ts-expect-error` is an error, and its message holds the text after
 * the colon: refusals-suite.ts compiles a copy of this file without these comments and looks.
 */
import {
  type Context,
  type MessageOf,
  type Task,
  type ValueOf,
  counter,
  defineJob,
  int64,
  json,
  kv,
  list,
  remoteTable,
  session,
  stream,
  string,
  timer,
  tumbling,
  uint,
  versioned,
  windows,
  withSchema,
} from 'tidemark'
import { z } from 'zod'
import { users } from './remote.job.ts'
import { clickCount, hourly, perUser, perUserHour, prices, tags, trail, trips, visits } from './streams.ts'

interface Click {
  type: 'click'
  x: number
}
interface View {
  type: 'view'
  page: string
}
const events = stream('events', { key: string(), value: json<Click | View>() })
const texts = kv('texts', { key: string(), value: string() })

/* Remote tables. */

// @ts-expect-error: Type 'number' is not assignable to type 'string'
export const r1 = defineJob('x', (job) => job.from(visits).lookup(users, (v) => v.at, (v) => v).forEach(() => undefined))
// @ts-expect-error: Property 'age' does not exist on type
export const r2 = defineJob('x', (job) => job.from(visits).lookup(users, (v) => v.user, (v, user) => user?.age).forEach(() => undefined))
// @ts-expect-error: 'user' is possibly 'undefined'
export const r3 = defineJob('x', (job) => job.from(visits).lookup(users, (v) => v.user, (v, user) => user.name).forEach(() => undefined))
// @ts-expect-error: The type 'readonly string[]' is 'readonly' and cannot be assigned to the mutable type 'string[]'
export const r4 = defineJob('x', (job) => job.from(visits).lookup(users, (v) => v.user, (v, user): string[] => user?.tags ?? []).forEach(() => undefined))
// @ts-expect-error: is missing the following properties from type 'RemoteTableDef
export const r5 = defineJob('x', (job) => job.from(visits).lookup(perUser, (v) => v.user, (v) => v).forEach(() => undefined))
// @ts-expect-error: Type 'number' is not assignable to type 'string | Error | null | undefined'
export const r6 = remoteTable('x', { key: string(), value: string(), read: async () => [1] })
// @ts-expect-error: Property 'other' does not exist on type
export const r7 = defineJob('x', { inputs: { visits }, tables: { users }, task: { visits: (_, { tables }) => void tables.other } })

/* Pipelines. */

// @ts-expect-error: this pipeline has no end: add .to, .forEach, .toTable or an aggregate
export const p1 = defineJob('x', (job) => job.from(visits).map((v) => v.at))
// @ts-expect-error: this group leads nowhere: add .count, .reduce or .aggregate
export const p2 = defineJob('x', (job) => job.from(visits).groupByKey())
// @ts-expect-error: this step is synchronous: use mapAsync
export const p3 = defineJob('x', (job) => job.from(visits).map(async (v) => v.at).forEach(() => undefined))
// @ts-expect-error: this step is synchronous: use mapAsync
export const p4 = defineJob('x', (job) => job.from(visits).filter(async (v) => v.at > 0).forEach(() => undefined))
// @ts-expect-error: this step is synchronous: use mapAsync
export const p5 = defineJob('x', (job) => job.from(visits).groupBy(async (v) => v.user).count('n'))
// @ts-expect-error: this step is synchronous: use mapAsync
export const p6 = defineJob('x', (job) => job.from(visits).forEach(async (v) => Promise.resolve(v)))
// @ts-expect-error: Type '{ user: string; }' is missing the following properties
export const p7 = defineJob('x', (job) => job.from(visits).map((v) => ({ user: v.user })).to(hourly))
// @ts-expect-error: Argument of type 'KvDef<string, number>' is not assignable to parameter of type 'string | KvSink<number, number>'
export const p8 = defineJob('x', (job) => job.from(visits).groupBy((v) => v.at).count(perUser))
// @ts-expect-error: Argument of type 'KvDef<string, string>' is not assignable to parameter of type 'string | KvSink<string, number>'
export const p9 = defineJob('x', (job) => job.from(visits).groupByKey().count(texts))
// @ts-expect-error: Type '"windows"' is not assignable to type '"kv"'
export const p10 = defineJob('x', (job) => job.from(visits).groupByKey().count(perUserHour))
// @ts-expect-error: Type '"kv"' is not assignable to type '"windows"'
export const p11 = defineJob('x', (job) => job.from(visits).groupByKey().window(tumbling('1h')).count(perUser))
// @ts-expect-error: Type '"windows"' is not assignable to type '"kv"'
export const p12 = defineJob('x', (job) => job.from(visits).toTable(perUserHour))
// @ts-expect-error: Property 'page' does not exist on type '{ readonly type: "click"
export const p13 = defineJob('x', (job) => job.from(events).filter((e) => e.type === 'click').map((e) => e.page).to(events))
// @ts-expect-error: Type 'string' is not assignable to type 'number'
export const p14 = defineJob('x', (job) => job.from(visits).groupByKey().aggregate('n', { init: () => 0, add: (_, v) => v.page }))
// @ts-expect-error: Type 'string' is not assignable to type 'number'
export const p15 = defineJob('x', (job) => job.from(visits).groupByKey().aggregate(perUser, { init: () => 'a', add: (n) => n }))
// @ts-expect-error: Type 'string' is not assignable to type 'number'
export const p16 = defineJob('x', (job) => job.from(visits).groupBy((v) => v.user, { key: uint() }).count('n'))
// @ts-expect-error: Type 'Promise<undefined>' is not assignable to type 'void | Pipeline'
export const p17 = defineJob('x', async (job) => void job.from(visits).forEach(() => undefined))
// @ts-expect-error: Cannot assign to 'at' because it is a read-only property
export const p18 = defineJob('x', (job) => job.from(visits).forEach((v) => (v.at = 1)))

/* Tasks. */

// @ts-expect-error: 'init' cannot be the name of an input: a task uses it for something else
export const t1 = defineJob('x', { inputs: { init: visits }, task: { init() {} } })
// @ts-expect-error: Type '{}' is not assignable to type 'TaskSpec<
export const t2 = defineJob('x', { inputs: { visits }, task: {} })
// @ts-expect-error: 'vists' does not exist in type
export const t3 = defineJob('x', { inputs: { visits }, task: { visits() {}, vists() {} } })
// @ts-expect-error: Argument of type 'string' is not assignable to parameter of type 'number'
export const t4 = defineJob('x', { inputs: { visits }, stores: { perUser }, task: { visits: (m, { stores }) => stores.perUser.put(m.key, 'x') } })
// @ts-expect-error: Type '{ user: string; }' is missing the following properties
export const t5 = defineJob('x', { inputs: { visits }, outputs: { hourly }, task: { visits: (m, { send }) => send.hourly(m.key, { user: 'x' }) } })
// @ts-expect-error: Property 'push' does not exist on type 'readonly string[]'
export const t6 = defineJob('x', { inputs: { visits }, task: { visits: (m) => m.value.tags.push('x') } })
// @ts-expect-error: '10 sec'' does not exist in type
export const t7 = defineJob('x', { inputs: { visits }, task: { visits() {}, every: { '10 sec': () => undefined } } })
// @ts-expect-error: Property 'timers' is missing in type
export const t8 = defineJob('x', { inputs: { visits }, timers: { idle: timer('event') }, task: { visits() {} } })
// @ts-expect-error: Property 'hourly' does not exist on type
export const t9 = defineJob('x', { inputs: { visits }, task: { visits: (m, { send }) => send.hourly(m.key) } })

const io = { inputs: { visits } }
class Wrong implements Task<typeof io> {
  // @ts-expect-error: Property 'visits' in type 'Wrong' is not assignable to the same property in base type
  visits(m: MessageOf<typeof hourly>, c: Context<typeof io>): void {
    void [m, c]
  }
}
// @ts-expect-error: Type 'MessageOf<StreamDef<string, Visit>>' is not assignable to type 'MessageOf<StreamDef<string, Hourly>>'
export const t10 = defineJob('x', { ...io, task: Wrong })
// @ts-expect-error: Type 'number' is not assignable to type 'Visit'
export const t11: ValueOf<typeof visits> = 3

/* Durations. */

// @ts-expect-error: Argument of type '"1x"' is not assignable to parameter of type 'Duration'
export const d1 = tumbling('1x')
// @ts-expect-error: Argument of type '"5m1h"' is not assignable to parameter of type 'Duration'
export const d2 = tumbling('5m1h')
// @ts-expect-error: Type '"soon"' is not assignable to type
export const d3 = windows('w', { key: string(), value: uint(), retention: 'soon' })

/* Serdes. */

// @ts-expect-error: "at: JSON turns a Date into a string: use milliseconds (a number), or json(schema, { encode })"
export const s1 = json<{ user: string; at: Date }>()
// @ts-expect-error: "list[].m: JSON loses a Map: use an object or an array of pairs, or json(schema, { encode })"
export const s2 = json<{ list: { m: Map<string, number> }[] }>()
// @ts-expect-error: "the value: JSON has no bigint: use a string, or int64() for the whole value"
export const s3 = json<bigint>()
// @ts-expect-error: "tags: JSON loses a Set: use an array, or json(schema, { encode })"
export const s4 = json<{ tags: Set<string> }>()
// @ts-expect-error: "f: JSON cannot keep functions"
export const s5 = json<{ f: () => void }>()
// @ts-expect-error: "a: JSON loses bytes: use a base64 string, or bytes() for the whole value"
export const s6 = json<{ a: Uint8Array | null }>()
// @ts-expect-error: "at: JSON turns a Date into a string
export const s7 = json(z.object({ at: z.date() }))
// @ts-expect-error: Expected 2 arguments, but got 1
export const s8 = json(z.object({ at: z.string().transform((text) => text.length) }))
// @ts-expect-error: the schema must take what the serde gives
export const s9 = withSchema(int64(), z.string())
// @ts-expect-error: Type 'Serde<string>' is not assignable to type 'Serde<number>'
export const s10 = stream<number, number>('x', { key: string(), value: uint() })

/* Stores of other kinds. */

// @ts-expect-error: Property 'gap' is missing in type
export const k1 = session('s', { key: string(), value: uint(), retention: '1d' })
// @ts-expect-error: Property 'history' is missing in type
export const k2 = versioned('v', { key: string(), value: uint() })
// @ts-expect-error: Type 'Serde<string>' is not assignable to type 'Serde<number | bigint>'
export const k3 = counter('c', { key: string(), value: string() })
// @ts-expect-error: 'ttl' does not exist in type
export const k4 = list('l', { key: string(), value: uint(), ttl: '1h' })
// @ts-expect-error: Type '"wall"' is not assignable to type '"event" | "processing"
export const k5 = kv('k', { key: string(), value: uint(), ttl: { after: '1h', time: 'wall' } })
// @ts-expect-error: Property 'length' does not exist on type 'number'
export const k6 = kv('k', { key: uint(), value: uint(), partitionBy: (key) => key.length })
// @ts-expect-error: is not assignable to parameter of type
export const k7 = defineJob('k7', (job) => job.from(visits).groupByKey().count(clickCount))
export const k8 = defineJob('k8', {
  inputs: { visits },
  stores: { trips, prices, clickCount, trail, tags },
  task: {
    visits({ key, value }, { stores }) {
      // @ts-expect-error: Argument of type 'number' is not assignable to parameter of type 'bigint'
      stores.clickCount.add(key, 1)
      // @ts-expect-error: Expected 3 arguments, but got 2
      stores.prices.put(key, 5)
      // @ts-expect-error: Argument of type 'string' is not assignable to parameter of type
      stores.trail.append(key, value.page)
      // @ts-expect-error: Argument of type 'number' is not assignable to parameter of type 'string'
      stores.tags.add(key, value.at)
      // @ts-expect-error: Type 'number' is not assignable to type
      stores.trips.merge(key, value.at, () => 1)
      // @ts-expect-error: Cannot assign to 'page' because it is a read-only property
      stores.trail.slice(key)[0].page = ''
    },
  },
})
