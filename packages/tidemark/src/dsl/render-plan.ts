import { showDuration } from '../api/duration.ts'
import type { StoreDef } from '../api/store-def.ts'
import { eraseTable } from '../api/remote-table.ts'
import type { Plan, PlannedOutput, PlannedStore, PlannedStream, PlannedTable } from './plan.ts'
import type { TopologyNode } from './topology.ts'

/** A plan as people read it: `tidemark plan`. Ends without a line break. */
export function renderPlan(plan: Plan): string {
  const lines = [`job ${plan.job}: ${counted(plan.tasks, 'task')}, plan ${plan.hash}`]
  section(lines, 'inputs', plan.inputs.map(streamRow))
  section(lines, 'intermediate streams', plan.intermediates.map(streamRow))
  lines.push('', 'steps', ...tree(plan))
  section(lines, 'stores', plan.stores.map(storeRow))
  section(lines, 'remote tables', plan.tables.map(tableRow))
  section(lines, 'outputs', plan.outputs.map(outputRow))
  if (plan.warnings.length > 0) lines.push('', ...plan.warnings.map((warning) => `warning: ${warning}`))
  return lines.join('\n')
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function section(lines: string[], title: string, rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) return
  lines.push('', title)
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  for (const row of rows)
    lines.push(
      `  ${row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()}`,
    )
}

function streamRow({ name, stream, partitions }: PlannedStream): string[] {
  const { partitioner, outOfOrderMs } = stream
  const notes = outOfOrderMs > 0 ? [`out of order by ${showDuration(outOfOrderMs)}`] : []
  if (partitioner !== 'murmur2') {
    notes.push(`partitioner ${typeof partitioner === 'function' ? 'is a function' : partitioner}`)
  }
  return [name, counted(partitions, 'partition'), `${stream.key.name} -> ${stream.value.name}`, notes.join(', ')]
}

function storeRow({ name, store, by }: PlannedStore): string[] {
  const notes = [keptNote(store), ttlNote(store), partitionNote(store)].filter((note) => note !== '')
  return [name, store.kind, `${store.key.name} -> ${store.value.name}`, `by ${by}`, notes.join(', ')]
}

function tableRow({ name, table, by, access }: PlannedTable): string[] {
  const { key, value } = eraseTable(table)
  const notes = access === 'read' ? ['read only'] : ['writes at-least-once, unfenced']
  const { cache, maxKeys, rate, retry } = table.policy
  notes.push(`batches of ${maxKeys}`)
  if (rate !== null) notes.push(`${rate.perSecond} ${rate.unit}s/s`)
  notes.push(counted(retry.attempts, 'attempt'), cache === null ? 'no cache' : `cached ${showDuration(cache.ttlMs)}`)
  return [name, table.place, `${key.name} -> ${value.name}`, `by ${by.join(', ')}`, notes.join(', ')]
}

function keptNote({ kind, retentionMs, gapMs }: StoreDef): string {
  const kept = retentionMs === null ? 'kept for ever' : `kept ${showDuration(retentionMs)}`
  const gap = gapMs === undefined || gapMs === null ? '' : `gap ${showDuration(gapMs)}, `
  if (kind === 'versioned')
    return retentionMs === null ? 'history kept for ever' : `history of ${showDuration(retentionMs)}`
  if (kind !== 'windows' && kind !== 'session') return ''
  return `${gap}${kept}${retentionMs === null ? '' : ` after a ${kind === 'windows' ? 'window' : 'session'}'s end`}`
}

function ttlNote({ ttl }: StoreDef): string {
  return ttl === undefined || ttl === null
    ? ''
    : `entries end ${showDuration(ttl.durationMs)} after they were put (${ttl.time} time)`
}

function partitionNote({ partitionBy }: StoreDef): string {
  if (partitionBy === 'opaque') return 'opaque: cannot be rescaled'
  return typeof partitionBy === 'function' ? 'partitioned by a function of the key' : ''
}

function outputRow(output: PlannedOutput): string[] {
  const where = { stream: 'stream', file: `file ${output.path}`, stdout: 'standard output', forEach: 'function' }[
    output.to
  ]
  const partitions = output.partitions === null ? '' : counted(output.partitions, 'partition')
  return [output.name, where, output.guarantee, partitions]
}

function tree(plan: Plan): string[] {
  const { nodes } = plan.topology
  const lines: string[] = []
  const show = (node: TopologyNode, prefix: string, childPrefix: string): void => {
    lines.push(`${prefix}${describe(node)}`)
    const next = nodes.filter((each) => 'input' in each && each.input === node.id)
    next.forEach((child, i) => {
      const last = i === next.length - 1
      show(child, `${childPrefix}${last ? '└ ' : '├ '}`, `${childPrefix}${last ? '  ' : '│ '}`)
    })
  }
  for (const node of nodes) if (!('input' in node)) show(node, '  ', '  ')
  return lines
}

function describe(node: TopologyNode): string {
  switch (node.op) {
    case 'source':
      return `${node.name}: ${node.stream.name}`
    case 'sink':
      return `${node.name}: ${node.stream.name}`
    case 'repartition':
      return `${node.name}: by key through ${node.stream.name}${node.raw ? ', values as they are' : ''}`
    case 'lookup':
      return `${node.name}: ${node.table.name}`
    case 'table':
      return `${node.name}: ${node.store.name}`
    case 'aggregate': {
      const { window } = node
      const grace = window === null || window.graceMs === 0 ? '' : `, grace ${showDuration(window.graceMs)}`
      const emits = node.emit === 'commit' ? ', emits with commits' : ''
      return `${node.name}: ${node.store.name}${window === null ? emits : `, tumbling ${showDuration(window.sizeMs)}${grace}`}`
    }
    case 'task': {
      const { inputs, outputs } = node.task
      const names = (part: Readonly<Record<string, { readonly name: string }>>): string =>
        Object.values(part)
          .map((stream) => stream.name)
          .join(', ')
      const to = names(outputs)
      return `${node.name}: ${names(inputs)}${to === '' ? '' : ` -> ${to}`}`
    }
    default:
      return node.name
  }
}
