import { resolve } from 'node:path'
import type { CheckpointInfo, SavepointInfo } from '../api/app.ts'
import { isPlace } from '../checkpoint/place.ts'
import { systemClock } from '../clock/clock.ts'
import { uniqueId } from '../clock/unique-id.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { askRunning, type RunningPlace, runningPlace } from '../ops/ask-running.ts'
import { unknownCheckpoint } from '../ops/checkpoints.ts'
import { openDataDir, openStateDir } from '../ops/data-dir.ts'
import { StoppedJob } from '../ops/stopped-job.ts'
import type { ControlRequest, ControlResult } from '../runtime/control.ts'
import { run } from '../runtime/run.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { durationFlag, textFlag } from './flag-values.ts'
import { formatBytes, formatCount, formatSpan, toJson } from './format.ts'
import { systemOf } from './kafka-system.ts'
import { loadJob } from './load-job.ts'
import { runOptions } from './run-options.ts'
import type { Settings } from './settings.ts'

const TIMEOUT_MS = 60_000
/** A run may take so long beyond the savepoint's own limit to write it. */
const WRITING_MS = 600_000

/** `tidemark checkpoint create`. */
export async function createCheckpoint(options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const place = runningPlace(nodeDisk, settings.dataDir)
  const info: CheckpointInfo = isRunning(place)
    ? await ask(place, { kind: 'checkpoint' }, 'checkpoint', timeoutOf(options))
    : await withStopped(settings, (job) => job.checkpoint())
  const { checkpoint, atMs, tasks } = info
  if (options['json'] === true) await context.terminal.print(toJson({ checkpoint, atMs, tasks }))
  else await context.terminal.print(`checkpoint ${checkpoint} of ${countOf(tasks.length, 'task')} is kept`)
}

/** `tidemark checkpoint delete NAME`. */
export async function deleteCheckpoint(name: string, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const place = runningPlace(nodeDisk, settings.dataDir)
  const found = isRunning(place)
    ? (await ask(place, { kind: 'release', checkpoint: name }, 'release', timeoutOf(options))).found
    : await withStopped(settings, (job) => Promise.resolve(job.release(name)))
  if (!found) throw unknownCheckpoint(openStateDir(settings.dataDir, nodeDisk), name)
  await context.terminal.print(
    options['json'] === true ? toJson({ checkpoint: name, deleted: true }) : `checkpoint ${name} is deleted`,
  )
}

/** `tidemark state drop STORE`. */
export async function dropState(store: string, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const entries = await withStopped(settings, (job) => job.drop(store))
  const text = `store ${store} is dropped, with ${countOf(entries, 'key')}`
  await context.terminal.print(options['json'] === true ? toJson({ store, entries }) : text)
}

/** `tidemark savepoint [JOB]`. */
export async function takeSavepoint(job: string | undefined, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const text = textFlag(options, 'to')
  const to = text === undefined ? null : isPlace(text) ? text : resolve(context.cwd, text)
  const info = await savepointOf(job, to, settings, options, context)
  const { savepoint, directory, atMs, tasks, files, bytes, pausedMs } = info
  if (options['json'] === true) {
    await context.terminal.print(toJson({ savepoint, directory, atMs, tasks, files, bytes, pausedMs }))
    return
  }
  await context.terminal.print(
    `savepoint ${savepoint} is in ${directory}\n` +
      `${countOf(tasks, 'task')}, ${countOf(files, 'file')}, ${formatBytes(bytes)}; the cut took ${formatSpan(pausedMs)}`,
  )
}

async function savepointOf(
  job: string | undefined,
  to: string | null,
  settings: Settings,
  options: Options,
  context: CliContext,
): Promise<SavepointInfo> {
  const timeoutMs = timeoutOf(options)
  const place = runningPlace(nodeDisk, settings.dataDir)
  if (isRunning(place)) return ask(place, { kind: 'savepoint', to, timeoutMs }, 'savepoint', timeoutMs + WRITING_MS)
  const system = systemOf(options, settings, context.environment)
  if (job === undefined && system !== undefined) {
    throw new TidemarkError(
      'ERR_USAGE',
      `no run has ${settings.dataDir}: to take a savepoint of a job on Kafka, name its module`,
    )
  }
  if (system === undefined) openDataDir(settings.dataDir, nodeDisk)
  if (job === undefined) return withStopped(settings, (stopped) => stopped.savepoint(to))
  const module = await loadJob(resolve(context.cwd, job))
  const app = await run(module.url, {
    ...runOptions(settings),
    ...(system === undefined ? {} : { system }),
    onWarning: (line) => context.terminal.note(`tidemark: ${line}`),
  })
  try {
    return await app.savepoint({ ...(to === null ? {} : { to }), timeoutMs })
  } finally {
    await app.drain()
  }
}

function isRunning(place: RunningPlace): boolean {
  return place.ownerPid() !== null
}

async function withStopped<T>(settings: Settings, work: (job: StoppedJob) => Promise<T>): Promise<T> {
  const job = await StoppedJob.open({ disk: nodeDisk, dataDir: settings.dataDir, clock: systemClock })
  try {
    return await work(job)
  } finally {
    job.close()
  }
}

async function ask<K extends ControlResult['kind']>(
  place: RunningPlace,
  request: ControlRequest,
  kind: K,
  timeoutMs: number,
): Promise<Extract<ControlResult, { readonly kind: K }>> {
  const result = await askRunning(place, request, { clock: systemClock, id: uniqueId(), timeoutMs })
  if (result.kind === kind) return result as Extract<ControlResult, { readonly kind: K }>
  throw new TidemarkError('ERR_INVARIANT', `the job answered ${result.kind} to a request for ${kind}`)
}

function timeoutOf(options: Options): number {
  return durationFlag(options, 'timeout', '--timeout') ?? TIMEOUT_MS
}

function countOf(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`
}
