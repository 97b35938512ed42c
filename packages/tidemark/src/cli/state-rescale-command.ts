import { resolve } from 'node:path'
import { isPlace } from '../checkpoint/place.ts'
import type { RescaleProgress } from '../checkpoint/rescale-savepoint.ts'
import { TidemarkError } from '../errors/error.ts'
import type { RescaledSavepoint } from '../ops/rescale.ts'
import { rescaleSavepoint } from '../ops/rescale-savepoint.ts'
import type { CliContext, Options } from './context.ts'
import { countFlag, requiredFlag, textFlag } from './flag-values.ts'
import { formatBytes, formatCount, formatSpan, toJson } from './format.ts'
import { loadJob } from './load-job.ts'
import { type Column, cut, renderTable } from './table.ts'
import type { Terminal } from './terminal.ts'

/** `tidemark state rescale SAVEPOINT`. */
export async function rescaleState(savepoint: string, options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const tasks = countFlag(options, 'tasks', '--tasks', 1)
  if (tasks === undefined) throw new TidemarkError('ERR_USAGE', 'the flag --tasks is needed')
  const place = (text: string): string => (isPlace(text) ? text : resolve(context.cwd, text))
  const to = place(requiredFlag(options, 'to', '--to'))
  const work = textFlag(options, 'work')
  const path = textFlag(options, 'job')
  const job = path === undefined ? undefined : (await loadJob(resolve(context.cwd, path))).job
  const line = new RescaleLine(terminal)
  let made: RescaledSavepoint
  try {
    made = await rescaleSavepoint(place(savepoint), {
      tasks,
      to,
      ...(job === undefined ? {} : { job }),
      ...(work === undefined ? {} : { workDirectory: resolve(context.cwd, work) }),
      onProgress: (progress) => line.show(progress),
    })
  } finally {
    line.clear()
  }
  await terminal.print(options['json'] === true ? toJson({ ...made }) : textOf(made, path))
}

function textOf(made: RescaledSavepoint, job: string | undefined): string {
  const { savepoint, directory, tasks, from, files, bytes, streams } = made
  const rows = streams.map(({ name, before, after }) => [name, formatCount(before), formatCount(after)])
  return [
    `savepoint ${savepoint} is in ${directory}`,
    `${from.tasks} to ${tasks} tasks, ${formatCount(files)} files, ${formatBytes(bytes)}`,
    '',
    ...renderTable(COLUMNS, rows),
    '',
    `Go on with it in a new data directory: tidemark run ${job ?? 'JOB'} --from ${directory} --data-dir DIR`,
  ].join('\n')
}

const COLUMNS: readonly Column[] = [
  { title: 'stream', whole: true },
  { title: 'partitions', align: 'right' },
  { title: 'then', align: 'right' },
]

const REWRITE_MS = 200

/** How far it is, on a terminal: one line that is rewritten. */
class RescaleLine {
  readonly #terminal: Terminal
  readonly #startedMs = performance.now()
  #shownMs = Number.NEGATIVE_INFINITY

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  show({ entries, total }: RescaleProgress): void {
    const terminal = this.#terminal
    const nowMs = performance.now()
    if (!terminal.errorIsTerminal || nowMs - this.#shownMs < REWRITE_MS) return
    this.#shownMs = nowMs
    const percent = total === 0 ? 100 : Math.floor((Math.min(entries, total) * 100) / total)
    const text = `rescaling  ${formatCount(entries)} of ${formatCount(total)} entries  ${percent}%  ${formatSpan(nowMs - this.#startedMs)}`
    terminal.raw(`\r\u001b[2K${cut(text, Math.max(20, terminal.columns - 1))}`)
  }

  clear(): void {
    if (Number.isFinite(this.#shownMs)) this.#terminal.raw('\r\u001b[2K')
  }
}
