import { defineJob, timer, uint } from 'tidemark'
import { hourly, perUserHour, visits } from './streams.ts'

export default defineJob('visits', {
  inputs: { visits, totals: hourly },
  outputs: { hourly },
  stores: { perUserHour },
  timers: { idle: timer('processing', { key: uint() }) },
  task: ({ log, task }) => {
    const seen = new Map<string, number>()
    return {
      visits({ key, value }, { stores, timers }) {
        seen.set(key, value.tags.length)
        stores.perUserHour.put(key, { start: value.at, end: value.at + 1 }, 1)
        timers.idle.set(task, value.at)
      },
      async totals({ value }, { sleep }) {
        await sleep('10ms')
        seen.delete(value.user)
      },
      timers: {
        idle(key, timeMs, { send }) {
          const exact: number = key
          send.hourly('x', { user: 'x', from: timeMs, visits: exact }, { partition: 0 })
        },
      },
      init() {
        log.info('starts')
      },
      endOfStream(input) {
        const name: 'visits' | 'totals' = input
        log.info(name)
      },
    }
  },
})
