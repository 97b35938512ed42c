import { defineJob, tumbling } from 'tidemark'
import { hourly, perUserHour, visits } from './streams.ts'

export default defineJob('visits', (job) =>
  job
    .from(visits)
    .filter((v) => v.page !== '/health')
    .groupBy((v) => v.user)
    .window(tumbling('1h').grace('5m'))
    .count(perUserHour)
    .map(({ key, window, value }) => ({ user: key, from: window.start, visits: value }))
    .to(hourly),
)
