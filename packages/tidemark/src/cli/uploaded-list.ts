import { lineageNumber, readLineage } from '../checkpoint/lineage.ts'
import { placeWithin } from '../checkpoint/open-store.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import type { StateDir } from '../ops/data-dir.ts'
import { openCheckpoints } from '../runtime/open-checkpoints.ts'
import type { CliContext } from './context.ts'
import { formatBytes, formatCount, formatSpan, toJson } from './format.ts'
import { renderTable } from './table.ts'

interface UploadedRow {
  readonly where: string
  readonly task: number
  readonly id: number
  readonly epoch: number
  readonly atMs: number
  readonly files: number
  readonly bytes: number
}

/** What is kept of the current lineage at another place, newest first for each task. Errors of the manager. */
async function uploadedRows(data: StateDir, to: string): Promise<UploadedRow[]> {
  const lineages = readLineage(nodeDisk, data.path)
  const lineage = lineages?.current ?? null
  if (lineage === null || data.job === null) return []
  const tasks = data.tasks().filter(({ meta }) => meta.lineage === lineageNumber(lineages))
  const manager = openCheckpoints(placeWithin(to, [data.job, lineage.id]))
  try {
    const rows: UploadedRow[] = []
    for (const { meta } of tasks) {
      for (const { id, epoch, atMs, files } of await manager.list(String(meta.task))) {
        const bytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
        rows.push({ where: to, task: meta.task, id, epoch, atMs, files: files.length, bytes })
      }
    }
    return rows
  } finally {
    manager.close()
  }
}

/** The part of `tidemark checkpoint list` that is about `checkpoint.to`. */
export async function printUploaded(data: StateDir, to: string, json: boolean, context: CliContext): Promise<void> {
  const { terminal } = context
  const rows = await uploadedRows(data, to)
  if (json) {
    for (const row of rows) await terminal.print(toJson({ job: data.job, ...row }))
    return
  }
  if (rows.length === 0) return terminal.note(`nothing of this history is at ${to} yet`)
  const right = 'right' as const
  const columns = [
    { title: 'task', align: right },
    { title: 'checkpoint', align: right },
    { title: 'age', align: right },
    { title: 'files', align: right },
    { title: 'size', align: right },
  ]
  const now = Date.now()
  const cells = rows.map((row) => [
    String(row.task),
    formatCount(row.id),
    formatSpan(Math.max(0, now - row.atMs)),
    formatCount(row.files),
    formatBytes(row.bytes),
  ])
  const width = terminal.outIsTerminal ? { width: terminal.columns } : {}
  const table = renderTable(columns, cells, { header: terminal.style.dim, ...width }).join('\n')
  await terminal.print(`\nat ${to}:\n${table}`)
}
