import type { Disk, DiskFile } from '../../disk/disk.ts'
import { isTidemarkError } from '../../errors/error.ts'
import { partitionDirectory, segmentName, streamDirectory, streamsDirectory } from './layout.ts'
import type { PartitionState } from './log-state.ts'
import { syncError } from './sync-error.ts'
import { buildIndex, writeIndex } from './sparse-index.ts'

const MAX_OPEN_FILES = 256

/** The writer's side of segments: open files, which of them have writes that are not synced, new names. */
export class SegmentFiles {
  readonly #disk: Disk
  readonly #directory: string
  /** In order of use, the longest unused first. */
  readonly #open = new Map<string, DiskFile>()
  readonly #paths = new Map<number, { readonly base: number; readonly path: string }>()
  readonly #dirty = new Set<string>()
  readonly #newNames = new Set<string>()

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** The .log file of a partition's segment. */
  path(partition: PartitionState, base: number): string {
    const known = this.#paths.get(partition.slot)
    if (known !== undefined && known.base === base) return known.path
    const directory = partitionDirectory(this.#directory, partition.stream.name, partition.partition)
    const path = `${directory}/${segmentName(base, 'log')}`
    this.#paths.set(partition.slot, { base, path })
    return path
  }

  file(partition: PartitionState, base: number): DiskFile {
    const path = this.path(partition, base)
    const open = this.#open.get(path)
    if (open !== undefined) {
      this.#open.delete(path)
      this.#open.set(path, open)
      return open
    }
    return this.#openFile(partition, path)
  }

  #openFile(partition: PartitionState, path: string): DiskFile {
    if (!this.#disk.exists(path)) {
      const { name } = partition.stream
      const directory = partitionDirectory(this.#directory, name, partition.partition)
      this.#disk.makeDirectory(directory)
      this.#newNames.add(directory).add(streamDirectory(this.#directory, name)).add(streamsDirectory(this.#directory))
    }
    const file = this.#disk.open(path, 'create')
    this.#open.set(path, file)
    if (this.#open.size > MAX_OPEN_FILES) {
      const [oldest, unused] = this.#open.entries().next().value as [string, DiskFile]
      this.#open.delete(oldest)
      unused.close()
    }
    return file
  }

  /** Writes without syncing. */
  write(partition: PartitionState, base: number, bytes: Uint8Array, position: number): void {
    this.#dirty.add(this.path(partition, base))
    this.file(partition, base).write(bytes, position)
  }

  markDirty(path: string): void {
    this.#dirty.add(path)
  }

  /** Makes the segments among `paths` durable that were written since they last were, and their names. */
  sync(paths: Iterable<string>): void {
    for (const path of paths) {
      if (!this.#dirty.has(path)) continue
      const open = this.#open.get(path)
      const file = open ?? this.#disk.open(path, 'write')
      try {
        file.sync()
      } catch (error) {
        throw syncError('sync', path, error)
      } finally {
        if (open === undefined) file.close()
      }
      this.#dirty.delete(path)
    }
    for (const directory of this.#newNames) this.#disk.syncDirectory(directory)
    this.#newNames.clear()
  }

  /** Recovery cannot know which names were synced before: all of a partition count as new. */
  markNames(partition: PartitionState): void {
    const { name } = partition.stream
    this.#newNames.add(partitionDirectory(this.#directory, name, partition.partition))
    this.#newNames.add(streamDirectory(this.#directory, name)).add(streamsDirectory(this.#directory))
  }

  /** Writes the index files of a segment that will not grow any more. */
  seal(partition: PartitionState, base: number, sizeBytes: number): void {
    const path = this.path(partition, base)
    this.#closeFile(path)
    const paths = indexPaths(path)
    try {
      const owner = { stream: partition.stream.name, partition: partition.partition }
      writeIndex(this.#disk, paths, base, buildIndex(this.#disk, path, owner, sizeBytes))
    } catch (error) {
      // An index is a convenience that is built again at the next open: for want of space the log goes on without.
      if (!isTidemarkError(error, 'ERR_DISK_FULL')) throw error
    }
  }

  /** Removes a segment and its index files. */
  remove(partition: PartitionState, base: number): void {
    const path = this.path(partition, base)
    this.#closeFile(path)
    this.#dirty.delete(path)
    const { index, timeindex } = indexPaths(path)
    for (const each of [path, index, timeindex]) if (this.#disk.exists(each)) this.#disk.remove(each)
  }

  #closeFile(path: string): void {
    this.#open.get(path)?.close()
    this.#open.delete(path)
  }

  close(): void {
    for (const file of this.#open.values()) file.close()
    this.#open.clear()
  }
}

/** The index files beside a segment's .log file. */
export function indexPaths(segmentPath: string): { readonly index: string; readonly timeindex: string } {
  const stem = segmentPath.slice(0, -'log'.length)
  return { index: `${stem}index`, timeindex: `${stem}timeindex` }
}
