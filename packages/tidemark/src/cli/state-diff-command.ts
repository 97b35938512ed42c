import { TidemarkError } from '../errors/error.ts'
import { diffStores, type StateChange } from '../ops/state-diff.ts'
import type { StoreView } from '../ops/store-view.ts'
import type { CliContext, Options } from './context.ts'
import { countFlag, textFlag } from './flag-values.ts'
import { formatInstant, formatValue, toJson } from './format.ts'
import { printLines } from './print-lines.ts'
import { openStore, scanOptions } from './state-commands.ts'

const SIGNS = { added: '+', changed: '~', removed: '-' } as const

/** `tidemark state diff`. */
export async function diffState(options: Options, context: CliContext): Promise<void> {
  if (textFlag(options, 'checkpoint') === undefined && textFlag(options, 'savepoint') === undefined) {
    throw new TidemarkError('ERR_USAGE', 'say what to compare with: --checkpoint NAME or --savepoint DIR')
  }
  const { terminal } = context
  const raw = { rawValues: true }
  let before: StoreView | null = null
  let after: StoreView | null = null
  try {
    before = await openStore(options, context, raw)
    const { savepoint: _savepoint, checkpoint: _checkpoint, ...rest } = options
    const until = textFlag(options, 'until')
    after = await openStore(until === undefined ? rest : { ...rest, checkpoint: until }, context, raw)
    const limit = countFlag(options, 'limit', '--limit', 0) ?? Number.POSITIVE_INFINITY
    const { reverse: _reverse, ...range } = scanOptions(after, options)
    const counts = { added: 0, changed: 0, removed: 0 }
    const line = options['json'] === true ? toJson : textOf
    await printLines(terminal, lines(diffStores(before, after, { ...range, limit }), line, counts))
    const { added, changed, removed } = counts
    if (options['json'] !== true) terminal.note(`${added} added, ${changed} changed, ${removed} removed`)
  } finally {
    before?.close()
    after?.close()
  }
}

function* lines(
  changes: Iterable<StateChange>,
  line: (change: StateChange) => string,
  counts: Record<StateChange['change'], number>,
): Generator<string, void> {
  for (const change of changes) {
    counts[change.change]++
    yield line(change)
  }
}

function textOf(change: StateChange): string {
  const { key, window, atMs = window?.start, index } = change
  const when = atMs === undefined ? formatValue(key) : `${formatValue(key)} @ ${formatInstant(atMs)}`
  const where = index === undefined ? when : `${when} [${index}]`
  const before = 'before' in change ? formatValue(change.before) : ''
  const after = 'after' in change ? formatValue(change.after) : ''
  const values = change.change === 'changed' ? `${before} -> ${after}` : before + after
  return `${SIGNS[change.change]} ${where}  ${values}`
}
