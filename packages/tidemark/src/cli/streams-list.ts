import { nodeDisk } from '../disk/node-disk.ts'
import { openDataDir } from '../ops/data-dir.ts'
import { streamSerdes } from '../ops/stream-meta.ts'
import { type CliContext, type Options, settingsOf } from './context.ts'
import { formatCount, toJson } from './format.ts'
import { renderTable } from './table.ts'

/** `tidemark streams list`. */
export async function listStreams(options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const { settings } = await settingsOf(options, context)
  const data = openDataDir(settings.dataDir, nodeDisk)
  const rows = data.streams().map((stream) => {
    const partitions = Array.from({ length: stream.partitions }, (_, p) => ({
      partition: p,
      start: data.view.offsets.start(stream.slot + p),
      end: data.view.offsets.end(stream.slot + p),
    }))
    const { key, value } = streamSerdes(stream)
    const offsets = partitions.reduce((sum, { start, end }) => sum + end - start, 0)
    return { stream, partitions, offsets, key: key.name, value: value.name }
  })
  if (options['json'] === true) {
    for (const { stream, partitions, offsets, key, value } of rows) {
      const { name, kind, retentionMs, retentionBytes } = stream
      await terminal.print(toJson({ name, kind, key, value, offsets, retentionMs, retentionBytes, partitions }))
    }
    return
  }
  const columns = [
    { title: 'stream' },
    { title: 'kind' },
    { title: 'key' },
    { title: 'value' },
    { title: 'partitions', align: 'right' as const },
    { title: 'offsets', align: 'right' as const },
  ]
  const cells = rows.map(({ stream, offsets, key, value }) => {
    return [stream.name, stream.kind, key, value, String(stream.partitions), formatCount(offsets)]
  })
  const table = renderTable(columns, cells, {
    header: terminal.style.dim,
    ...(terminal.outIsTerminal ? { width: terminal.columns } : {}),
  })
  await terminal.print(table.join('\n'))
}
