import { nodeDisk } from '../disk/node-disk.ts'
import { type DataDir, openDataDir, type TaskInfo } from '../ops/data-dir.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { formatBytes, formatCount, formatSpan, toJson } from './format.ts'
import { renderTable } from './table.ts'

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
  const data = openDataDir(settings.dataDir, nodeDisk)
  const rows = data.tasks().map((task) => row(data, task))
  if (options['json'] === true) {
    for (const each of rows) await terminal.print(toJson({ job: data.job, ...each }))
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
}

function row(data: DataDir, task: TaskInfo): CheckpointRow {
  const { producer, meta, checkpoint } = task
  const directory = `${data.path}/state/${meta.task}`
  const inputs = Object.entries(checkpoint?.inputs ?? {})
  return {
    task: meta.task,
    id: producer.id,
    epoch: producer.epoch,
    atMs: checkpoint?.atMs ?? null,
    flushedId: producer.flushedId,
    fileBytes: nodeDisk.list(directory).reduce((sum, name) => sum + sizeOf(`${directory}/${name}`), 0),
    journalBytes: data.view
      .deltas(producer.producer, producer.flushedId)
      .reduce((sum, delta) => sum + delta.bytes.length, 0),
    positions: Object.fromEntries(inputs.map(([stream, input]) => [stream, input.position])),
  }
}

/** A file that the running job has just removed counts for nothing. */
function sizeOf(path: string): number {
  return nodeDisk.exists(path) ? nodeDisk.size(path) : 0
}
