import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { RunOptions } from 'tidemark'
import { builtEnvironment, builtPackages } from '../../scripts/lib/built-packages.ts'
import { finish, type SideResult } from './kafka-streams.ts'
import type { BenchCodec, BenchJob } from './cases.ts'

const PROGRAM = join(import.meta.dirname, 'run-own.ts')

export interface OwnRun {
  /** The module `JOB.job.ts` beside this file. */
  readonly job: BenchJob
  readonly brokers: string
  readonly containers: number
  readonly cacheBytes: number
  readonly directory: string
  readonly codec: BenchCodec
  readonly input: string
  readonly output: string
  /** More arguments of `node`, such as `--cpu-prof`. */
  readonly node?: readonly string[]
}

export interface OwnResult extends SideResult {
  /** From when the slowest container's thread began to when its tasks were open. */
  readonly restoredMs: number
}

/** What `run-own.ts` is told. */
export interface OwnProgram {
  /** URL of the job's module. */
  readonly module: string
  readonly brokers: string
  readonly codec: BenchCodec
  readonly options: RunOptions
}

const moduleOf = (job: string): string => join(import.meta.dirname, `${job}.job.ts`)

/** Why our side cannot be run; null if it can. */
export function ownSideMissing(job: string): string | null {
  return existsSync(moduleOf(job)) ? null : `there is no ${moduleOf(job)}`
}

/** One run of a job in a process of its own. Seconds are from its first record to its last commit; for CPU see run-own.ts. */
export async function runOwn(run: OwnRun): Promise<OwnResult> {
  const { brokers, codec, containers, cacheBytes } = run
  const options: RunOptions = { containers, cacheBytes, dataDir: join(run.directory, 'data') }
  const program: OwnProgram = { module: pathToFileURL(moduleOf(run.job)).href, brokers, codec, options }
  const file = join(run.directory, 'run.json')
  writeFileSync(file, JSON.stringify(program))
  // As users have it: what is published, rather than the sources.
  const told = { ...builtEnvironment(await builtPackages()), BENCH_INPUT: run.input, BENCH_OUTPUT: run.output }
  const output = await finish(process.execPath, [...(run.node ?? []), PROGRAM, file], { ...process.env, ...told })
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as OwnResult
}
