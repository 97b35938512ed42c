import {
  type LineageFile,
  lineageStream,
  parseTaskProducer,
  plannedStream,
  readLineage,
  taskStateName,
  writeLineage,
} from '../checkpoint/lineage.ts'
import type { ListedLineage } from '../api/system-tools.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import type { StreamInfo } from '../log/types.ts'
import { retainedIds } from '../lsm/retained.ts'
import type { DataDir } from './data-dir.ts'

/** The lineages of a data directory, oldest first; one without a file of lineages has none to tell of. */
export function listLineages(data: DataDir): ListedLineage[] {
  const file = data.lineages()
  const streams = data.streams()
  return entriesOf(file).map(({ lineage, kind }): ListedLineage => {
    const { id, number, atMs, from } = lineage
    const directories = taskDirectories(data.disk, data.path, number)
    return {
      number,
      id,
      kind,
      atMs,
      from,
      tasks: directories.length,
      stateBytes: directories.reduce((sum, directory) => sum + bytesBelow(data.disk, directory), 0),
      checkpoints: directories.reduce((sum, directory) => sum + retainedIds(data.disk, directory).length, 0),
      records: streams
        .filter((stream) => isOf(stream, number))
        .reduce((sum, stream) => sum + recordsIn(data, stream), 0),
    }
  })
}

function entriesOf(
  file: LineageFile | null,
): { readonly lineage: LineageFile['older'][number]; readonly kind: ListedLineage['kind'] }[] {
  if (file === null) return []
  const all = file.older.map((lineage) => ({ lineage, kind: 'older' as ListedLineage['kind'] }))
  if (file.current !== null) all.push({ lineage: file.current, kind: 'current' })
  if (file.pending !== null) all.push({ lineage: file.pending, kind: 'pending' })
  return all.sort((a, b) => a.lineage.number - b.lineage.number)
}

function isOf({ kind, name }: StreamInfo, lineage: number): boolean {
  return kind === 'intermediate' && name === lineageStream(plannedStream(name), lineage)
}

function recordsIn({ view }: DataDir, { slot, partitions }: StreamInfo): number {
  let records = 0
  for (let p = 0; p < partitions; p++) records += view.offsets.end(slot + p) - view.offsets.start(slot + p)
  return records
}

/** Where the tasks of a lineage keep their state. */
function taskDirectories(disk: Disk, dataDir: string, lineage: number): string[] {
  const parent =
    lineage === 1 ? `${dataDir}/state` : `${dataDir}/state/${taskStateName(lineage, 0).replace(/\/0$/, '')}`
  return disk
    .list(parent)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => `${parent}/${name}`)
}

/** Of all files in a directory and below it; 0 when it is not there. */
export function bytesBelow(disk: Disk, directory: string): number {
  let bytes = 0
  for (const name of namesIn(disk, directory) ?? []) {
    const path = `${directory}/${name}`
    bytes += namesIn(disk, path) === null ? sizeOf(disk, path) : bytesBelow(disk, path)
  }
  return bytes
}

/** Null for a file. */
function namesIn(disk: Disk, path: string): string[] | null {
  try {
    return disk.list(path)
  } catch (error) {
    if (isTidemarkError(error, 'ERR_DISK_IO')) return null
    throw error
  }
}

function sizeOf(disk: Disk, path: string): number {
  try {
    return disk.size(path)
  } catch (error) {
    // Merged away, or given up, by the running job since it was listed.
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return 0
    throw error
  }
}

export interface DropLineagesOptions {
  readonly disk: Disk
  readonly dataDir: string
  readonly clock: Clock
  readonly numbers: readonly number[]
}

/**
 * Removes what is there of older lineages, of a job that does not run: state, retained checkpoints, intermediate streams'
 * records, what the journal keeps for them. Cut off, it can be done again. ERR_LINEAGE_IN_USE for the current one and one
 * that is pending, ERR_DATA_DIR_LOCKED.
 */
export function dropLineages({ disk, dataDir, clock, numbers }: DropLineagesOptions): void {
  const log = EmbeddedLog.open({ disk, directory: dataDir, job: null, clock, trimOpenBytes: 0 })
  try {
    let file = readLineage(disk, dataDir)
    for (const number of numbers) {
      if (file === null || !file.older.some((lineage) => lineage.number === number)) throw notOlder(dataDir, number)
      for (const { producer, id } of log.producers()) {
        if (parseTaskProducer(producer)?.lineage === number) log.flushed(producer, id)
      }
      for (const stream of log.streams().filter((each) => isOf(each, number))) {
        for (let p = 0; p < stream.partitions; p++) log.trim(stream.id, p, log.offsets.end(stream.slot + p))
      }
      removeLineageState(disk, dataDir, number)
      file = { ...file, older: file.older.filter((lineage) => lineage.number !== number) }
      writeLineage(disk, dataDir, file)
    }
  } finally {
    log.close()
  }
}

/** Removes the state directories of a lineage's tasks. */
export function removeLineageState(disk: Disk, dataDir: string, number: number): void {
  for (const directory of taskDirectories(disk, dataDir, number)) disk.host?.removeTree(directory)
  if (number > 1) disk.host?.removeTree(`${dataDir}/state/${taskStateName(number, 0).replace(/\/0$/, '')}`)
}

function notOlder(dataDir: string, number: number): TidemarkError {
  return new TidemarkError(
    'ERR_LINEAGE_IN_USE',
    `lineage ${number} of ${dataDir} is no older one: only what the job has left can be dropped (tidemark state lineages)`,
    { details: { lineage: number } },
  )
}
