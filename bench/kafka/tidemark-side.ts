import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../../scripts/lib/paths.ts'
import { finish, type SideResult } from './kafka-streams.ts'

const BIN = join(ROOT, 'packages', 'tidemark', 'bin', 'tidemark.mjs')
const CPU_AT_EXIT = pathToFileURL(join(import.meta.dirname, 'cpu-at-exit.ts')).href

export interface OwnRun {
  /** `count` or `pass`: the module `JOB.job.ts` beside this file. */
  readonly job: 'count' | 'pass'
  readonly brokers: string
  readonly containers: number
  readonly cacheBytes: number
  readonly directory: string
  readonly codec: string
  readonly input: string
  readonly output: string
}

const moduleOf = (job: string): string => join(import.meta.dirname, `${job}.job.ts`)

/** Why our side cannot be run; null if it can. */
export function ownSideMissing(job: string): string | null {
  return existsSync(moduleOf(job)) ? null : `there is no ${moduleOf(job)}`
}

/**
 * One run of a job by the CLI, as users run it. Seconds are those of its summary; CPU is of the whole process from its
 * start, so that Node's own start counts against us (the JVM's does not count against Kafka Streams).
 */
export async function runOwn(run: OwnRun): Promise<SideResult & { readonly restoredMs: number }> {
  const cpuFile = join(run.directory, 'cpu')
  const limits = ['--containers', String(run.containers), '--state-cache-size', String(run.cacheBytes)]
  const where = ['--brokers', run.brokers, '--data-dir', join(run.directory, 'data')]
  const args = ['--import', CPU_AT_EXIT, BIN, 'run', moduleOf(run.job), ...where, ...limits, '--until-end', '--json']
  const told = { BENCH_INPUT: run.input, BENCH_OUTPUT: run.output, BENCH_CODEC: run.codec, BENCH_CPU_FILE: cpuFile }
  const output = await finish(process.execPath, args, { ...process.env, ...told })
  const line = output.trim().split('\n').at(-1) ?? ''
  const summary = JSON.parse(line) as {
    readonly records: number
    readonly seconds: number
    readonly restoredMs: number
  }
  return { ...summary, cpuSeconds: Number(readFileSync(cpuFile, 'utf8')) }
}
