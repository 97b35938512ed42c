import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { InputSpec } from '../api/app.ts'
import { isJob, type Job } from '../api/job.ts'
import type { ReportFunction } from '../api/report.ts'
import { TidemarkError } from '../errors/error.ts'
import { importModule, type ModuleExports, shorten } from './import-module.ts'

/** A job module: its job, and the named exports that the CLI knows. */
export interface JobModule {
  readonly url: URL
  readonly job: Job
  /** `inputs`: what to read when no --in is given, with absolute paths; null when it exports none. */
  readonly inputs: Readonly<Record<string, readonly InputSpec[]>> | null
  /** `report`: what to print at the end; null when it exports none. */
  readonly report: ReportFunction | null
}

/**
 * Imports a job module and checks its exports. Beside what importModule throws: ERR_JOB_NO_DEFAULT, ERR_JOB_NOT_A_JOB,
 * ERR_JOB_EXPORT.
 */
export async function loadJob(path: string): Promise<JobModule> {
  const { url, exports } = await importModule(path)
  const job = exports['default']
  if (job === undefined) throw noDefault(url, exports)
  if (!isJob(job)) {
    const what = job === null ? 'null' : Array.isArray(job) ? 'an array' : `of type ${typeof job}`
    const message = `${shorten(url)}: the default export is ${what}, not a job. Write export default defineJob(...).`
    throw new TidemarkError('ERR_JOB_NOT_A_JOB', message, { details: { file: fileURLToPath(url) } })
  }
  return { url, job, inputs: readInputs(exports['inputs'], url, job), report: readReport(exports['report'], url) }
}

function noDefault(url: URL, exports: ModuleExports): TidemarkError {
  const named = Object.entries(exports).find(([, value]) => isJob(value))?.[0]
  const hint =
    named === undefined
      ? 'End the module with: export default defineJob(...)'
      : `Its export "${named}" is a job: add export default ${named}`
  return new TidemarkError('ERR_JOB_NO_DEFAULT', `${shorten(url)} has no default export.`, {
    details: { file: fileURLToPath(url), hint },
  })
}

/** Names of the streams that a job reads from outside. */
export function inputStreams(job: Job): string[] {
  const names: string[] = []
  for (const node of job.topology.nodes) {
    if (node.op === 'source') names.push(node.stream.name)
    if (node.op === 'task') names.push(...Object.values(node.task.inputs).map((stream) => stream.name))
  }
  return [...new Set(names)]
}

/** Names of the streams that a job writes. */
export function outputStreams(job: Job): string[] {
  const names: string[] = []
  for (const node of job.topology.nodes) {
    if (node.op === 'sink') names.push(node.stream.name)
    if (node.op === 'task') names.push(...Object.values(node.task.outputs).map((stream) => stream.name))
  }
  return [...new Set(names)]
}

function readInputs(value: unknown, url: URL, job: Job): Record<string, readonly InputSpec[]> | null {
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null) throw wrongInputs(url, 'it is no object')
  const inputs: Record<string, readonly InputSpec[]> = {}
  const known = inputStreams(job)
  for (const [stream, specs] of Object.entries(value)) {
    if (!known.includes(stream)) throw wrongInputs(url, `the job does not read a stream "${stream}"`)
    if (!Array.isArray(specs)) throw wrongInputs(url, `"${stream}" is no array`)
    inputs[stream] = specs.map((spec: unknown) => {
      if (typeof spec !== 'object' || spec === null || !('path' in spec) || typeof spec.path !== 'string') {
        throw wrongInputs(url, `an entry of "${stream}" has no path`)
      }
      return { ...(spec as InputSpec), path: absolute(spec.path, url) }
    })
  }
  return inputs
}

function absolute(path: string, url: URL): string {
  return path === '-' ? path : fileURLToPath(new URL(path, url))
}

function wrongInputs(url: URL, why: string): TidemarkError {
  const message = `${shorten(url)}: the export "inputs" is not of the form { stream: [{ path: '...' }] }: ${why}`
  return new TidemarkError('ERR_JOB_EXPORT', message, { details: { file: fileURLToPath(url), export: 'inputs' } })
}

function readReport(value: unknown, url: URL): ReportFunction | null {
  if (value === undefined) return null
  if (typeof value === 'function') return value as ReportFunction
  throw new TidemarkError('ERR_JOB_EXPORT', `${shorten(url)}: the export "report" is no function`, {
    details: { file: fileURLToPath(url), export: 'report' },
  })
}

/** A job module's name, or the name itself: the module of a job may be gone. */
export async function jobName(job: string, cwd: string): Promise<string> {
  const path = resolve(cwd, job)
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true
  return isFile || /\.[cm]?[jt]s$/.test(job) ? (await loadJob(path)).job.name : job
}
