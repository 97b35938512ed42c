import { existsSync } from 'node:fs'
import type { ResetItem, ResetPlan, SystemTools } from '../api/system-tools.ts'
import { systemClock } from '../clock/clock.ts'
import { uniqueId } from '../clock/unique-id.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { nodeProcesses } from '../disk/process-table.ts'
import { TidemarkError } from '../errors/error.ts'
import { DirectoryLock } from '../log/embedded/lock.ts'
import { openDataDir } from '../ops/data-dir.ts'
import { cachedFiles, planEmbeddedReset, removeCached, resetEmbedded } from '../ops/reset.ts'
import { confirmed } from './confirm.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { formatBytes, formatCount, toJson } from './format.ts'
import { toolsOf } from './kafka-system.ts'
import { jobName } from './load-job.ts'
import { renderTable } from './table.ts'

/** `tidemark reset JOB`: the next run begins at the beginning. */
export async function resetJob(job: string, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const name = await jobName(job, context.cwd)
  const tools = await toolsOf(options, settings, context.environment)
  if (tools === null) return resetHere(name, settings.dataDir, options, context)
  try {
    await resetThere(tools, name, settings.dataDir, options, context)
  } finally {
    await tools.close()
  }
}

async function resetHere(job: string, dataDir: string, options: Options, context: CliContext): Promise<void> {
  if (options['sources'] === true) {
    const text = '--sources is about Kafka: to forget the streams of a data directory too, remove the directory'
    throw new TidemarkError('ERR_USAGE', text)
  }
  const data = openDataDir(dataDir, nodeDisk)
  if (data.job !== job) {
    throw new TidemarkError('ERR_USAGE', `${dataDir} is of the job "${data.job ?? ''}", not of "${job}"`)
  }
  const plan = planEmbeddedReset(data)
  await ask(plan, options, context)
  resetEmbedded({ disk: nodeDisk, dataDir, clock: systemClock, newId: uniqueId })
  await told(plan, options, context)
}

async function resetThere(
  tools: SystemTools,
  job: string,
  dataDir: string,
  options: Options,
  context: CliContext,
): Promise<void> {
  const lock = existsSync(dataDir) ? DirectoryLock.acquire(nodeDisk, dataDir, nodeProcesses) : null
  try {
    const remote = await tools.planReset({ job, sources: options['sources'] === true })
    const files = cachedFiles(nodeDisk, dataDir)
    const plan = files === null ? remote : { ...remote, removes: [...remote.removes, files] }
    await ask(plan, options, context)
    await tools.reset(plan)
    removeCached(nodeDisk, dataDir)
    await told(plan, options, context)
  } finally {
    lock?.release()
  }
}

/** Shows what goes and what stays, and asks. ERR_JOB_RUNNING, ERR_USAGE. */
async function ask(plan: ResetPlan, options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  if (plan.runs !== null) {
    throw new TidemarkError('ERR_JOB_RUNNING', `the job ${plan.job} runs: ${plan.runs}. End it first`)
  }
  if (options['json'] !== true) {
    terminal.note(`To start the job ${plan.job} anew, this is removed for good:`)
    for (const line of table(plan.removes)) terminal.note(line)
    if (plan.keeps.length > 0) {
      terminal.note('\nThis stays:')
      for (const line of table(plan.keeps)) terminal.note(line)
    }
    terminal.note('\nWhat the job has written to its output streams stays too, and its next run writes it again.')
  }
  if (plan.removes.length > 0) await confirmed(`what is listed of the job ${plan.job}`, options, context)
}

function table(items: readonly ResetItem[]): string[] {
  if (items.length === 0) return ['  nothing']
  const cells = items.map(({ kind, name, about, count, sizeBytes }) => [
    kind,
    name,
    about,
    count === null ? '-' : formatCount(count),
    sizeBytes === null ? '-' : formatBytes(sizeBytes),
  ])
  const columns = [
    { title: 'kind' },
    { title: 'name', whole: true },
    { title: 'what' },
    { title: 'records', align: 'right' as const },
    { title: 'size', align: 'right' as const },
  ]
  return renderTable(columns, cells, { indent: '  ' })
}

async function told({ job, removes, keeps }: ResetPlan, options: Options, { terminal }: CliContext): Promise<void> {
  if (options['json'] === true) return terminal.print(toJson({ job, removed: removes, kept: keeps }))
  await terminal.print(`the job ${job} begins at the beginning with its next run`)
}
