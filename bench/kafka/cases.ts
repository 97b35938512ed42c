/** What a job does with each record: see the modules `JOB.job.ts` here, and Run.java. */
export type BenchJob = 'count' | 'pass' | 'hours'
export type BenchCodec = 'none' | 'lz4' | 'zstd'

export const CODECS: readonly BenchCodec[] = ['none', 'lz4', 'zstd']

export interface Case {
  readonly name: string
  readonly job: BenchJob
  /** Different keys of the input, drawn uniformly. */
  readonly keys: number
}

export const CASES: readonly Case[] = [
  { name: 'count-100k', job: 'count', keys: 100_000 },
  { name: 'count-4m', job: 'count', keys: 4_000_000 },
  { name: 'pass', job: 'pass', keys: 100_000 },
  { name: 'hours', job: 'hours', keys: 100_000 },
]
