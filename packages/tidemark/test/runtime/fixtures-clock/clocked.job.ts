import { defineJob, json, kv, type StreamDef, stream, string, timer, uint } from '../../../src/index.ts'

export type Act = { readonly do: 'put' | 'look' | 'arm'; readonly mark: number }
export type Seen = { readonly what: string; readonly mark: number; readonly value: number | null }

export const acts: StreamDef<string, Act> = stream('acts', { key: string(), value: json<Act>() })
export const seen: StreamDef<string, Seen> = stream('seen', { key: string(), value: json<Seen>() })
const tokens = kv('tokens', { key: string(), value: uint(), ttl: { after: '10m', time: 'processing' } })
const armed = kv('armed', { key: string(), value: uint() })
const idle = timer('processing')

/** Everything of a task that goes by the clock, told by what it sends. */
export default defineJob('clocked', {
  inputs: { acts },
  outputs: { seen },
  stores: { tokens, armed },
  timers: { idle },
  task: {
    acts({ key, value }, { stores, send, timers, now }) {
      if (key === null) return
      if (value.do === 'put') stores.tokens.put(key, value.mark)
      if (value.do === 'look') send.seen(key, { what: 'look', mark: value.mark, value: stores.tokens.get(key) ?? null })
      if (value.do === 'arm') {
        stores.armed.put(key, value.mark)
        timers.idle.set(key, now() + 300)
      }
    },
    timers: {
      idle: (key, _timeMs, { send, stores }) => {
        if (key !== null) send.seen(key, { what: 'timer', mark: stores.armed.get(key) ?? 0, value: null })
      },
    },
    every: { '100ms': ({ send, now }) => send.seen('every', { what: 'every', mark: now(), value: null }) },
  },
})
