import { keepingDirectories } from '../checkpoint/kept-state.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { directoryOf, readPlaces } from '../engines/placement.ts'
import {
  flushedIdOf,
  type JobCheckpoint,
  listCheckpoints as retainedCheckpoints,
  type RetainedPart,
} from '../ops/checkpoints.ts'
import { openStateDir, type StateDir, type TaskInfo } from '../ops/data-dir.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { formatBytes, formatCount, formatSpan, toJson } from './format.ts'
import { renderTable } from './table.ts'
import { printUploaded } from './uploaded-list.ts'

interface CheckpointRow {
  readonly task: number
  readonly id: number
  readonly epoch: number
  readonly atMs: number | null
  /** State up to this checkpoint is in files; the rest is in the journal. */
  readonly flushedId: number
  readonly fileBytes: number
  readonly journalBytes: number
  readonly positions: Readonly<Record<string, number>>
}

/** `tidemark checkpoint list`. */
export async function listCheckpoints(options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const { settings } = await settingsOf(options, context)
  const data = openStateDir(settings.dataDir, nodeDisk)
  const rows = data.tasks().map((task) => row(data, task))
  const retained = retainedCheckpoints(data)
  if (options['json'] === true) {
    for (const each of rows) await terminal.print(toJson({ job: data.job, ...each }))
    for (const { checkpoint, parts } of retained) {
      for (const part of parts) await terminal.print(toJson({ job: data.job, checkpoint, ...part }))
    }
    if (settings.checkpointTo !== null) await printUploaded(data, settings.checkpointTo, true, context)
    return
  }
  if (rows.length === 0) {
    terminal.note('no task has run on this data directory yet')
    return
  }
  const right = 'right' as const
  const columns = [
    { title: 'task', align: right },
    { title: 'checkpoint', align: right },
    { title: 'age', align: right },
    { title: 'flushed', align: right },
    { title: 'files', align: right },
    { title: 'journal', align: right },
    { title: 'positions' },
  ]
  const now = Date.now()
  const cells = rows.map((each) => [
    String(each.task),
    formatCount(each.id),
    each.atMs === null ? '-' : formatSpan(now - each.atMs),
    formatCount(each.flushedId),
    formatBytes(each.fileBytes),
    formatBytes(each.journalBytes),
    Object.entries(each.positions)
      .map(([stream, position]) => `${stream} ${formatCount(position)}`)
      .join(', '),
  ])
  const width = terminal.outIsTerminal ? { width: terminal.columns } : {}
  await terminal.print(renderTable(columns, cells, { header: terminal.style.dim, ...width }).join('\n'))
  if (retained.length > 0) await printRetained(retained, now, context)
  if (settings.checkpointTo !== null) await printUploaded(data, settings.checkpointTo, false, context)
}

/** One row for each checkpoint, summed over the tasks. */
async function printRetained(retained: readonly JobCheckpoint[], now: number, { terminal }: CliContext): Promise<void> {
  const right = 'right' as const
  const columns = [
    { title: 'retained', whole: true },
    { title: 'kept by' },
    { title: 'age', align: right },
    { title: 'tasks', align: right, optional: true },
    { title: 'size', align: right },
    { title: 'own', align: right },
    { title: 'changes', align: right },
    { title: 'new files', align: right, optional: true },
    { title: 'new entries', align: right, optional: true },
  ]
  const cells = retained.map(({ checkpoint, kind, atMs, parts }) => {
    const sum = (of: (part: RetainedPart) => number): number => parts.reduce((total, part) => total + of(part), 0)
    return [
      checkpoint,
      kind === 'policy' ? 'policy' : 'request',
      formatSpan(now - atMs),
      formatCount(parts.length),
      formatBytes(sum((part) => part.bytes)),
      formatBytes(sum((part) => part.ownBytes)),
      formatBytes(sum((part) => part.changedBytes)),
      `${formatCount(sum((part) => part.addedFiles))} (${formatBytes(sum((part) => part.addedBytes))})`,
      formatCount(sum((part) => part.addedEntries)),
    ]
  })
  const width = terminal.outIsTerminal ? { width: terminal.columns } : {}
  await terminal.print(`\n${renderTable(columns, cells, { header: terminal.style.dim, ...width }).join('\n')}`)
}

function row(data: StateDir, task: TaskInfo): CheckpointRow {
  const { producer, meta, checkpoint } = task
  const directory = data.stateDirectory(meta)
  const flushedId = flushedIdOf(data, task)
  const inputs = Object.entries(checkpoint?.inputs ?? {})
  return {
    task: meta.task,
    id: producer.id,
    epoch: producer.epoch,
    atMs: checkpoint?.atMs ?? null,
    flushedId,
    fileBytes: stateBytes(directory),
    journalBytes: data.view.deltas(producer.producer, flushedId).reduce((sum, delta) => sum + delta.bytes.length, 0),
    positions: Object.fromEntries(inputs.map(([stream, input]) => [stream, input.position])),
  }
}

/** What the newest state of a task takes, in its own files, in other engines and in their shadow. */
function stateBytes(directory: string): number {
  const places = [...new Set(readPlaces(nodeDisk, directory)?.values())].map((place) => directoryOf(directory, place))
  const directories = new Set([...keepingDirectories(directory), ...places])
  const paths = [...directories].flatMap((each) => nodeDisk.list(each).map((name) => `${each}/${name}`))
  const files = paths.filter((path) => !directories.has(path) && !path.endsWith('/retained'))
  return files.reduce((sum, path) => sum + sizeOf(path), 0)
}

/** A file that the running job has just removed counts for nothing. */
function sizeOf(path: string): number {
  return nodeDisk.exists(path) ? nodeDisk.size(path) : 0
}
