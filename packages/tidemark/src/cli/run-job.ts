import { resolve } from 'node:path'
import { isatty } from 'node:tty'
import type { App, InputSpec, OutputSpec, RestoreStatus, RunOptions, Summary } from '../api/app.ts'
import type { Job } from '../api/job.ts'
import { systemClock } from '../clock/clock.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { restoreText } from '../runtime/restore-log.ts'
import { run } from '../runtime/run.ts'
import { checkInputFile, parseInputFlag, parseOutputFlag } from '../sources/input-flag.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { drainOnSignals } from './drain.ts'
import { listFlag, textFlag } from './flag-values.ts'
import { toJson } from './format.ts'
import { inputStreams, type JobModule, loadJob, outputStreams } from './load-job.ts'
import { suggestion } from '../ops/nearest.ts'
import { isPlace } from '../checkpoint/place.ts'
import { systemOf } from './kafka-system.ts'
import { ProgressLine } from './progress-line.ts'
import { runOptions } from './run-options.ts'
import { WorkLine } from './work-line.ts'

/** `tidemark run`: runs a job until its input ends or a signal drains it, and reports. */
export async function runJob(path: string, options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const json = options['json'] === true
  const { settings } = await settingsOf(options, context)
  const system = systemOf(options, settings, context.environment)
  const module = await loadJob(resolve(context.cwd, path))
  const inputs = chooseInputs(module, options, context)
  const outputs = readOutputs(module.job, listFlag(options, 'out'), context.cwd)
  noteInputs(module, inputs, options, context)
  const recordsOnStdout = Object.values(outputs).some((specs) => specs.some((spec) => spec.path === '-'))

  let note = (line: string): void => terminal.note(line)
  const restoring = new WorkLine(terminal)
  const start: Start = (more) =>
    run(module.url, {
      ...runOptions(settings),
      // Where nobody looks, lines are said now and then.
      ...(terminal.errorIsTerminal
        ? { onRestore: (status: RestoreStatus) => restoring.show(() => restoreText(status)) }
        : {}),
      ...startOf(options, context),
      ...(system === undefined ? {} : { system }),
      ...more,
      inputs,
      outputs,
      untilEnd: options['untilEnd'] === true,
      development: options['development'] === true,
      onWarning: (line) => {
        restoring.done()
        note(`tidemark: ${line}`)
      },
    }).finally(() => restoring.done())
  const follow: Follow = async (app) => {
    const progress = new ProgressLine(terminal, () => app.progress())
    note = (line) => progress.note(line)
    progress.start()
    const stopListening = drainOnSignals(app, (line) => progress.note(line))
    // The outcome comes by `done`.
    terminal.onClosed(() => void app.drain().catch(() => {}))
    // `done` settles when everything is closed, whichever way the run ended: nothing is left to dispose of.
    try {
      return await app.done
    } finally {
      progress.stop()
      stopListening()
      note = (line) => terminal.note(line)
    }
  }
  try {
    const summary =
      system === undefined
        ? await follow(await start({}))
        : await inTurns(start, follow, inputs, options, (line) => note(line))
    if (summary === null) return
    if (json) await terminal.print(toJson(summary))
    else if (options['report'] !== false && system === undefined) {
      const line = async (text: string): Promise<void> => {
        if (recordsOnStdout) terminal.note(text)
        else await terminal.print(text)
      }
      const { endReport } = await import('./end-report.ts')
      await endReport(module, summary, terminal, line)
    }
  } catch (error) {
    // Nobody reads the records any more: a quiet end, as for every command. What was committed is kept.
    if (!isTidemarkError(error, 'ERR_OUTPUT_CLOSED')) throw error
  }
}

type Start = (more: Pick<RunOptions, 'signal'>) => Promise<App>
type Follow = (app: App) => Promise<Summary>

/** On systems where processes take turns. What comes from standard input cannot be read again. */
async function inTurns(
  start: Start,
  follow: Follow,
  inputs: Inputs,
  options: Options,
  note: (line: string) => void,
): Promise<Summary | null> {
  const { runInTurns } = await import('./run-turns.ts')
  const fromStdin = Object.values(inputs).some((specs) => specs.some((spec) => spec.path === '-'))
  const again = options['wait'] !== false && !fromStdin
  return runInTurns({ start, follow, again, note, clock: systemClock })
}

/** `--from SAVEPOINT`. */
function startOf(options: Options, context: CliContext): { from?: string } {
  const from = textFlag(options, 'from')
  return from === undefined ? {} : { from: isPlace(from) ? from : resolve(context.cwd, from) }
}

type Inputs = Readonly<Record<string, readonly InputSpec[]>>

/** What --in says, or else what the job module's `inputs` says. Files must be there before anything starts. */
function chooseInputs(module: JobModule, options: Options, context: CliContext): Inputs {
  const flags = listFlag(options, 'in')
  const chosen = flags.length > 0 ? readInputs(module.job, flags, context.cwd) : (module.inputs ?? {})
  const follow = options['follow'] === true
  const inputs: Record<string, readonly InputSpec[]> = {}
  for (const [stream, specs] of Object.entries(chosen)) {
    for (const { path } of specs) checkInputFile(path)
    inputs[stream] = follow ? specs.map((spec) => (spec.path === '-' ? spec : { ...spec, follow })) : specs
  }
  return inputs
}

function readInputs(job: Job, flags: readonly string[], cwd: string): Inputs {
  const inputs: Record<string, InputSpec[]> = {}
  for (const flag of flags) {
    const { stream, spec } = parseInputFlag(flag)
    checkStream(stream, inputStreams(job), '--in', `the job ${job.name} does not read`)
    const path = spec.path === '-' ? '-' : resolve(cwd, spec.path)
    inputs[stream] = [...(inputs[stream] ?? []), { ...spec, path }]
  }
  const fromStdin = Object.values(inputs)
    .flat()
    .filter((spec) => spec.path === '-').length
  if (fromStdin > 1) throw new TidemarkError('ERR_USAGE', 'standard input can feed one stream only: one --in with -')
  return inputs
}

function readOutputs(job: Job, flags: readonly string[], cwd: string): Readonly<Record<string, readonly OutputSpec[]>> {
  const outputs: Record<string, OutputSpec[]> = {}
  const known = [...outputStreams(job), ...inputStreams(job)]
  for (const flag of flags) {
    const { stream, spec } = parseOutputFlag(flag)
    checkStream(stream, known, '--out', `the job ${job.name} has no stream`)
    outputs[stream] = [...(outputs[stream] ?? []), { path: spec.path === '-' ? '-' : resolve(cwd, spec.path) }]
  }
  return outputs
}

function checkStream(stream: string, known: readonly string[], flag: string, what: string): void {
  if (known.includes(stream)) return
  throw new TidemarkError(
    'ERR_CONFIG_UNKNOWN',
    `${flag} ${stream}=...: ${what} "${stream}".${suggestion(stream, known)}`,
    {
      details: { stream },
    },
  )
}

/** Says what a run waits for when that is not plain to see. */
function noteInputs(module: JobModule, inputs: Inputs, options: Options, context: CliContext): void {
  const specs = Object.values(inputs).flat()
  if (specs.some((spec) => spec.path === '-') && isatty(0)) {
    context.terminal.note('tidemark: reading standard input; end it with Ctrl-D')
  }
  if (specs.length > 0 || options['untilEnd'] === true) return
  const stream = inputStreams(module.job)[0] ?? 'STREAM'
  context.terminal.note(
    'tidemark: no input is given, so the run processes what its streams hold and then waits (Ctrl-C ends it). ' +
      `Feed it with --in ${stream}=FILE, or end it with --until-end.`,
  )
}
