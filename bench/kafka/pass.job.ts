import { bytes, defineJob, stream, string } from 'tidemark'

const { BENCH_INPUT = 'bench-input', BENCH_OUTPUT = 'bench-output' } = process.env

export const input = stream(BENCH_INPUT, { key: string(), value: bytes() })
export const output = stream(BENCH_OUTPUT, { key: string(), value: bytes() })

export default defineJob(`bench-pass-${BENCH_OUTPUT}`, (job) => job.from(input).to(output))
