import { bytes, defineJob, kv, stream, string, uint } from 'tidemark'

const { BENCH_INPUT = 'bench-input', BENCH_OUTPUT = 'bench-output', BENCH_EMIT = 'commit' } = process.env
/** As the record cache of Kafka Streams lets one update of a key through at a commit; else each. */
const emit = BENCH_EMIT === 'update' ? 'update' : 'commit'

/** The value is counted, never looked at: Kafka Streams gets bytes too. */
export const input = stream(BENCH_INPUT, { key: string(), value: bytes() })
export const output = stream(BENCH_OUTPUT, { key: string(), value: uint() })
export const counts = kv('counts', { key: string(), value: uint() })

export default defineJob(`bench-count-${BENCH_OUTPUT}`, (job) =>
  job.from(input).groupByKey().count(counts, { emit }).to(output),
)
