import { defineJob, kv, string, timer, uint } from '../../../src/index.ts'
import { orders } from '../streams.ts'

export const others = { ...orders, name: 'others' }
export const due = kv('due', { key: string(), value: uint() })

/** An order sets a timer ten ms of event time later; `due` has the keys whose timers have fired. */
export default defineJob('two-inputs', {
  inputs: { orders, others },
  stores: { due },
  timers: { reminder: timer('event') },
  task: {
    orders: ({ key, value }, { timers }) => timers.reminder.set(key, value.at + 10),
    others: () => {},
    timers: { reminder: (key, _, { stores }) => void stores.due.update(key, (n) => (n ?? 0) + 1) },
  },
})
