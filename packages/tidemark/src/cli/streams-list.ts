import type { ListedPartition, ListedStream } from '../api/system-tools.ts'
import type { CliContext, Options } from './context.ts'
import { formatBytes, formatCount, toJson } from './format.ts'
import { withStreams } from './stream-tools.ts'
import { type Column, renderTable } from './table.ts'

/** `tidemark streams list`. */
export async function listStreams(options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const all = await withStreams(options, context, (tools) => tools.list())
  const streams = options['all'] === true ? all : all.filter(({ kind }) => kind !== 'system')
  if (options['json'] === true) {
    for (const stream of streams) await terminal.print(streamJson(stream))
    return
  }
  const hidden = all.length - streams.length
  if (streams.length === 0) await terminal.print('there are no streams')
  else {
    const table = renderTable(columnsOf(streams), streams.map(cellsOf), {
      header: terminal.style.dim,
      ...(terminal.outIsTerminal ? { width: terminal.columns } : {}),
    })
    await terminal.print(table.join('\n'))
  }
  if (hidden > 0) terminal.note(`${hidden} topics of the brokers' own are left out; --all shows them`)
}

function streamJson({ name, kind, job, key, value, partitions, ...more }: ListedStream): string {
  const { replicas, cleanupPolicy, retentionMs, retentionBytes } = more
  return toJson({
    name,
    kind,
    job,
    key,
    value,
    offsets: offsetsOf(partitions),
    sizeBytes: sizeOf(partitions),
    replicas,
    cleanupPolicy,
    retentionMs,
    retentionBytes,
    partitions,
  })
}

/** Serdes are shown where the system knows them. */
function columnsOf(streams: readonly ListedStream[]): Column[] {
  const known = streams.some(({ key }) => key !== null)
  return [
    { title: 'stream', whole: true },
    { title: 'kind' },
    known ? { title: 'key' } : { title: 'job' },
    known ? { title: 'value' } : { title: 'cleanup' },
    { title: 'partitions', align: 'right' },
    { title: 'replicas', align: 'right', optional: true },
    { title: 'offsets', align: 'right' },
    { title: 'size', align: 'right' },
  ]
}

function cellsOf(stream: ListedStream): string[] {
  const { name, kind, job, key, value, replicas, cleanupPolicy, partitions } = stream
  const offsets = offsetsOf(partitions)
  const sizeBytes = sizeOf(partitions)
  return [
    name,
    kind,
    key ?? job ?? '-',
    value ?? cleanupPolicy ?? '-',
    String(partitions.length),
    replicas === null ? '-' : String(replicas),
    offsets === null ? '-' : formatCount(offsets),
    sizeBytes === null ? '-' : formatBytes(sizeBytes),
  ]
}

/** From the start to the end: as many records, where none was compacted away, and markers of transactions. */
function offsetsOf(partitions: readonly ListedPartition[]): number | null {
  return partitions.reduce<number | null>((sum, { start, end }) => {
    return sum === null || start === null || end === null ? null : sum + end - start
  }, 0)
}

function sizeOf(partitions: readonly ListedPartition[]): number | null {
  return partitions.reduce<number | null>((sum, { sizeBytes }) => {
    return sum === null || sizeBytes === null ? null : sum + sizeBytes
  }, 0)
}
