import type { PartitionState } from './log-state.ts'

/**
 * The new start offset of a partition by its stream's retention, or -1 to keep all: whole segments, oldest first, while
 * their newest record is older than retentionMs or the partition is larger than retentionBytes. The segment that grows
 * stays.
 */
export function retentionStart(partition: PartitionState, nowMs: number): number {
  const { retentionMs, retentionBytes } = partition.stream
  const { segments } = partition
  let totalBytes = 0
  for (const segment of segments) totalBytes += segment.sizeBytes
  let kept = 0
  for (; kept < segments.length - 1; kept++) {
    const segment = segments[kept] as (typeof segments)[number]
    const tooOld = retentionMs !== null && segment.maxTimestampMs < nowMs - retentionMs
    const tooMuch = retentionBytes !== null && totalBytes > retentionBytes
    if (!tooOld && !tooMuch) break
    totalBytes -= segment.sizeBytes
  }
  return kept === 0 ? -1 : (segments[kept]?.base ?? -1)
}

/**
 * The new start offset when all before `beforeOffset` may go, or -1 to keep all. The segment that grows goes too if all of
 * it is before the offset and it has at least `openMinBytes` (for a few bytes an entry of the journal is too dear): then
 * the start is the partition's end, and the next append begins a new segment.
 */
export function trimStart(partition: PartitionState, beforeOffset: number, openMinBytes: number): number {
  const { segments, end } = partition
  const last = segments.at(-1)
  if (last !== undefined && end <= beforeOffset && last.sizeBytes >= openMinBytes) return end
  let kept = 0
  while (kept < segments.length - 1 && (segments[kept]?.end ?? 0) <= beforeOffset) kept++
  return kept === 0 ? -1 : (segments[kept]?.base ?? -1)
}
