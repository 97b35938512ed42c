import { bytes, defineJob, stream, string, tumbling, uint, windows } from 'tidemark'

const { BENCH_INPUT = 'bench-input', BENCH_OUTPUT = 'bench-output' } = process.env

/** Event time is the record's timestamp, as in Kafka Streams. */
export const input = stream(BENCH_INPUT, { key: string(), value: bytes() })
export const output = stream(BENCH_OUTPUT, { key: string(), value: string() })
export const counts = windows('counts', { key: string(), value: uint(), retention: '2h' })

/** How often each key was there in each hour, told once when the hour is over. */
export default defineJob(`bench-hours-${BENCH_OUTPUT}`, (job) =>
  job
    .from(input)
    .groupByKey()
    .window(tumbling('1h'))
    .count(counts)
    .map(({ window, value }) => `${window.start}:${value}`)
    .to(output),
)
