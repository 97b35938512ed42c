import type { Disk } from '../../disk/disk.ts'
import { isTidemarkError } from '../../errors/error.ts'
import type { OffsetsView } from '../types.ts'
import { partitionDirectory, segmentName } from './layout.ts'
import type { LogState, PartitionState } from './log-state.ts'
import type { AppendRecord } from './records.ts'

/** The offsets of a data directory as they were when it was looked at. */
export class ViewOffsets implements OffsetsView {
  #starts = new Float64Array(0)
  #ends = new Float64Array(0)

  start(slot: number): number {
    return this.#starts[slot] ?? 0
  }

  end(slot: number): number {
    return this.#ends[slot] ?? 0
  }

  /**
   * Takes the offsets of the state, but no end that segments do not reach: an owner that is at work, or that was killed,
   * has its last group in the journal before it has it in segments. `appends` are those of the newest journal file; what
   * older files hold was in the segments before the newest was begun.
   */
  update(disk: Disk, directory: string, state: LogState, appends: readonly AppendRecord[]): void {
    this.#starts = new Float64Array(state.slots)
    this.#ends = new Float64Array(state.slots)
    for (const stream of state.streams) {
      for (const { slot, start, end } of stream.partitions) {
        this.#starts[slot] = start
        this.#ends[slot] = end
      }
    }
    const settled = new Set<PartitionState>()
    for (const append of appends.toReversed()) {
      const partition = state.partition(append.stream, append.partition)
      if (partition === undefined || settled.has(partition)) continue
      if (holds(disk, directory, partition, append)) settled.add(partition)
      else this.#ends[partition.slot] = append.base
    }
  }
}

function holds(disk: Disk, directory: string, partition: PartitionState, append: AppendRecord): boolean {
  // A trimmed append was once written, and so was all before it.
  if (append.end <= partition.start) return true
  const folder = partitionDirectory(directory, partition.stream.name, partition.partition)
  try {
    return disk.size(`${folder}/${segmentName(append.segmentBase, 'log')}`) >= append.position + append.sizeBytes
  } catch (error) {
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return false
    throw error
  }
}
