import { TidemarkError } from '../../errors/error.ts'
import type { StreamInfo, StreamSpec } from '../types.ts'
import { encodeStreamName } from './layout.ts'
import type { LogState } from './log-state.ts'
import { MAX_SLOTS } from './shared-offsets.ts'

const FIELDS = ['partitions', 'kind', 'retentionMs', 'retentionBytes', 'meta'] as const

/**
 * The stream if it exists as specified, null if it can be made. Throws ERR_STREAM_MISMATCH naming each difference,
 * ERR_STREAM_NAME, ERR_TOO_MANY_PARTITIONS.
 */
export function checkStream(state: LogState, spec: StreamSpec, slots: number = MAX_SLOTS): StreamInfo | null {
  const known = state.byName.get(spec.name)?.info
  if (known !== undefined) {
    const differences = FIELDS.filter((field) => known[field] !== spec[field])
    if (differences.length === 0) return known
    const list = differences.map((field) => `${field} ${show(known[field])} there, ${show(spec[field])} declared`)
    throw new TidemarkError(
      'ERR_STREAM_MISMATCH',
      `stream "${spec.name}" exists with another shape: ${list.join('; ')}. Declare it as it is, or use another name.`,
      { details: { stream: spec.name, difference: differences.join(',') } },
    )
  }
  const encoded = encodeStreamName(spec.name).toLowerCase()
  for (const other of state.byName.keys()) {
    if (encodeStreamName(other).toLowerCase() !== encoded) continue
    throw new TidemarkError(
      'ERR_STREAM_NAME',
      `stream "${spec.name}" differs from "${other}" only by case, and some file systems cannot tell them apart.`,
      { details: { stream: spec.name } },
    )
  }
  if (!Number.isInteger(spec.partitions) || spec.partitions < 1) {
    throw new TidemarkError(
      'ERR_STREAM_NAME',
      `stream "${spec.name}" has ${spec.partitions} partitions: use 1 or more.`,
    )
  }
  if (state.slots + spec.partitions > slots) {
    throw new TidemarkError(
      'ERR_TOO_MANY_PARTITIONS',
      `stream "${spec.name}" with ${spec.partitions} partitions does not fit: the log has ${state.slots} of at most ` +
        `${slots}. Use fewer partitions.`,
      { details: { stream: spec.name, partitions: spec.partitions } },
    )
  }
  return null
}

function show(value: string | number | null): string {
  return value === null ? 'none' : String(value)
}
