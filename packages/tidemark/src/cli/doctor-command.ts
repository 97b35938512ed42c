import { resolve } from 'node:path'
import { type Finding, type JobNeeds, problem } from '../api/finding.ts'
import type { SystemTools } from '../api/system-tools.ts'
import { isTidemarkError } from '../errors/error.ts'
import { EXIT } from '../errors/entry.ts'
import { ERRORS } from '../errors/table.ts'
import { jobNeeds } from '../ops/doctor/job-needs.ts'
import { localFindings } from '../ops/doctor/local-findings.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { localFacts } from './doctor/local-facts.ts'
import { toJson } from './format.ts'
import { toolsOf } from './kafka-system.ts'
import { loadJob } from './load-job.ts'
import type { Settings } from './settings.ts'
import type { Terminal } from './terminal.ts'

/** `tidemark doctor [JOB]`: exit code 1 when there is a problem. */
export async function doctor(job: string | undefined, options: Options, context: CliContext): Promise<void> {
  const { settings } = await settingsOf(options, context)
  const module = job === undefined ? null : await loadJob(resolve(context.cwd, job))
  const local = localFindings(localFacts(settings.dataDir))
  const findings = [...local, ...(await systemFindings(module, settings, options, context))]
  await print(findings, options, context)
  if (findings.some(({ level }) => level === 'problem')) context.exitCode = EXIT.failed
}

type Module = Awaited<ReturnType<typeof loadJob>> | null

async function systemFindings(
  module: Module,
  settings: Settings,
  options: Options,
  context: CliContext,
): Promise<readonly Finding[]> {
  let tools: SystemTools | null = null
  try {
    tools = await toolsOf(options, settings, context.environment)
    if (tools === null) return []
    const needs = module === null ? null : await needsOf(module, settings, tools)
    return await tools.examine({ needs, probe: options['probe'] === true })
  } catch (error) {
    // What flags say wrong is told as by any command.
    if (!isTidemarkError(error) || error.domain !== 'kafka') throw error
    return [problem('brokers', 'brokers', error.message, ERRORS[error.code].about)]
  } finally {
    await tools?.close()
  }
}

async function needsOf(module: NonNullable<Module>, settings: Settings, tools: SystemTools): Promise<JobNeeds> {
  const listed = await tools.list()
  return jobNeeds(module.job, listed, {
    defaultPartitions: settings.partitions,
    commitTimeoutMs: settings.commitTimeoutMs,
  })
}

async function print(findings: readonly Finding[], options: Options, { terminal }: CliContext): Promise<void> {
  if (options['json'] === true) {
    for (const finding of findings) await terminal.print(toJson({ ...finding }))
    return
  }
  await terminal.print(findings.flatMap((finding) => lines(finding, terminal)).join('\n'))
  const count = (level: Finding['level']): number => findings.filter((each) => each.level === level).length
  const [problems, warnings] = [count('problem'), count('warning')]
  await terminal.print(`\n${counted(problems, 'problem')}, ${counted(warnings, 'warning')}, ${count('ok')} ok`)
}

function lines({ level, subject, text, advice }: Finding, { style }: Terminal): string[] {
  const mark =
    level === 'ok' ? style.green('ok      ') : level === 'warning' ? style.bold('warning ') : style.red('PROBLEM ')
  const line = `${mark} ${subject}: ${text}`
  return advice === null ? [line] : [line, `         ${style.dim(advice)}`]
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
