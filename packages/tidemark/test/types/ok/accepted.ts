/* What the compiler must accept, and the types that must come out. */
import {
  type App,
  type DeepReadonly,
  type Job,
  type KeyOf,
  type Message,
  type MessageOf,
  type Row,
  type Serde,
  type ValueOf,
  bytes,
  defineJob,
  float64,
  int64,
  json,
  kv,
  stream,
  string,
  tumbling,
  tuple,
  uint,
  windows,
  withSchema,
} from 'tidemark'
import { z } from 'zod'
import {
  type Hourly,
  type Visit,
  clickCount,
  hits,
  hourly,
  type perUser,
  perUserHour,
  prices,
  recent,
  tags,
  trail,
  trips,
  visits,
} from './streams.ts'

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- equality of types, as far as the language tells it
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

interface Click {
  type: 'click'
  x: number
}
interface View {
  type: 'view'
  page: string
}
const events = stream('events', {
  key: string(),
  value: json<Click | View>(),
  partitions: 3,
  retention: '1d',
  outOfOrder: 5000,
})
const clicks = stream('clicks', { key: string(), value: json<Click>() })
const latest = kv('latest', { key: string(), value: json<Visit>() })
const totals = kv('totals', { key: string(), value: json<{ n: number; pages: string[] }>() })
const isClick = (event: Click | View): event is Click => event.type === 'click'

/** Guards narrow, written or inferred; a block has several ends. */
export const narrowed: Job = defineJob('narrowed', (job) => {
  const all = job.from(events)
  all.filter(isClick).to(clicks)
  all.filter((e) => e.type === 'click').to(clicks)
  all
    .filter((e) => e.type !== 'click')
    .map((e) => e.page)
    .forEach((page, message) => {
      void (true satisfies Same<typeof page, string>)
      void (true satisfies Same<typeof message.key, string>)
      void (true satisfies Same<typeof message.offset, bigint>)
    })
  // The documented way around widened literals.
  all.map<ValueOf<typeof clicks>>(() => ({ type: 'click', x: 1 })).to(clicks)
})

/** What was read can be sent, kept and reduced as it is, arrays and all. */
export const passed: Job = defineJob('passed', (job) => {
  const flow = job.from(visits)
  flow.to(visits)
  flow.toTable(latest)
  flow.groupByKey().reduce('longest', (a, b) => (a.at > b.at ? a : b))
  flow.groupByKey().reduce(kv('longest-2', { key: string(), value: json<Visit>() }), (a, b) => (a.at > b.at ? a : b))
  flow.flatMap((v) => v.tags).forEach((tag) => void (true satisfies Same<typeof tag, string>))
  flow.map((v) => (v.at > 0 ? v : null)).toTable(kv('present', { key: string(), value: json<Visit>() }))
})

/** Keys of any type, with serdes; values named for the repartition. */
export const grouped: Job = defineJob('grouped', (job) => {
  const flow = job.from(visits)
  flow.groupBy((v) => v.at, { key: uint() }).count('by-time')
  flow.groupBy((v) => v.at).count(kv('by-time-2', { key: uint(), value: uint() }))
  flow
    .groupBy((v): readonly [string, number] => [v.user, v.at], { key: tuple(string(), float64()), name: 'pairs' })
    .count('pairs')
  flow.groupBy((v) => v.user, { value: json<Visit>() }).count('by-user')
  flow
    .groupByKey()
    .aggregate(totals, {
      init: () => ({ n: 0, pages: [] }),
      add: (a, v) => ({ n: a.n + 1, pages: [...a.pages, v.page] }),
    })
    .map((total) => total.n)
    .forEach((n) => void (true satisfies Same<typeof n, number>))
  flow.groupByKey().aggregate('sum', { init: () => 0, add: (n, v) => n + v.at, value: uint() })
})

/** Rows of windows. */
export const rows: Job = defineJob('rows', (job) => {
  const counted = job.from(visits).groupByKey().window(tumbling('1h6m').grace(1000)).count('per-hour')
  counted.toTable(perUserHour)
  counted.filter((row) => row.value > 10).toTable(windows('busy', { key: string(), value: uint() }))
  counted.toTable(kv('last-row', { key: string(), value: json<Row<string, number>>() }))
  counted.map(({ key, window, value }) => ({ user: key, from: window.start, visits: value })).to(hourly)
  counted.groupBy((row) => row.value, { key: uint() }).count('by-count')
})

/** An aggregate or a table may be the end. */
export const ends: readonly Job[] = [
  defineJob('a', (job) => job.from(visits).groupByKey().count('n')),
  defineJob('b', (job) => job.from(visits).groupByKey().window(tumbling(1000)).count('n')),
  defineJob('c', (job) => job.from(visits).toTable(latest)),
]

/** Serdes: explicit, inferred from a schema, with and without encode. */
const At = z.object({ at: z.iso.datetime().transform((text) => new Date(text)) })
const user = json(z.object({ name: z.string(), age: z.number().optional() }))
const at = json(At, { encode: (value) => ({ at: value.at.toISOString() }) })
const id = withSchema(string(), z.string().min(1))
const pair = tuple(string(), tuple(int64(), bytes()))

interface Tree {
  name: string
  children: readonly Tree[]
  parent?: Tree
}
export const serdes: readonly [Serde<Tree>, Serde<unknown>, Serde<'a' | 1 | null>] = [
  json<Tree>(),
  json(),
  json<'a' | 1 | null>(),
]

/** Typed queries of a running job. */
export const query = async (app: App): Promise<number> => (await app.store(perUserHour).get('ada', { start: 0 })) ?? 0
export const whole = async (app: App): Promise<DeepReadonly<Visit> | undefined> => app.store(latest).get('ada')
export const counted = async (app: App): Promise<bigint> => app.store(clickCount).get('ada')
export const listed = async (app: App): Promise<readonly DeepReadonly<Visit>[]> => app.store(trail).get('ada')
export const members = async (app: App): Promise<readonly string[]> => app.store(tags).get('ada')
export const asOf = async (app: App): Promise<number | undefined> => app.store(prices).get('ada', { asOf: 5 })

/** Every kind of store in a task, with the types that come out of each. */
export const kinds = defineJob('kinds', {
  inputs: { visits },
  stores: { trips, prices, clickCount, hits, trail, tags, recent },
  task: {
    visits({ key, value, timestamp }, { stores }) {
      const trip = stores.trips.merge(key, timestamp, (parts) => ({
        user: key,
        from: parts[0]?.window.start ?? timestamp,
        visits: 1,
      }))
      const before: DeepReadonly<Hourly> = trip.value
      const taken: boolean = stores.prices.put(key, before.visits, timestamp)
      const price: number | undefined = taken ? stores.prices.getAsOf(key, 0) : undefined
      const clicked: bigint = stores.clickCount.add(key)
      const hit: number = stores.hits.add(key, 2)
      stores.trail.append(key, value, value)
      const pages: string[] = stores.trail.slice(key, -2).map((visit) => visit.page)
      for (const tag of pages) stores.tags.add(key, tag)
      const known: string[] = [...stores.tags.values(key)]
      stores.recent.put(key, hit + known.length + Number(clicked) + (price ?? 0))
    },
  },
})

export const types: readonly [
  Same<KeyOf<typeof visits>, string>,
  Same<ValueOf<typeof visits>, Visit>,
  Same<ValueOf<typeof perUser>, number>,
  Same<ValueOf<typeof perUserHour>, number>,
  Same<MessageOf<typeof visits>, Message<string, DeepReadonly<Visit>>>,
  Same<typeof user, Serde<{ name: string; age?: number | undefined }>>,
  Same<typeof at, Serde<{ at: Date }>>,
  Same<typeof id, Serde<string>>,
  Same<typeof pair, Serde<readonly [string, readonly [bigint, Uint8Array]]>>,
] = [true, true, true, true, true, true, true, true, true]
