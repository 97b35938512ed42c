import type { ResetItem, ResetPlan } from '../api/system-tools.ts'
import { type LineageFile, readLineage, writeLineage } from '../checkpoint/lineage.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { nodeProcesses } from '../disk/process-table.ts'
import { DirectoryLock } from '../log/embedded/lock.ts'
import type { StreamInfo } from '../log/types.ts'
import type { DataDir } from './data-dir.ts'
import { bytesBelow, dropLineages, listLineages } from './lineages.ts'

/** What a job that runs embedded would lose by starting anew: its state. Streams, and where sources stand in files, stay. */
export function planEmbeddedReset(data: DataDir): ResetPlan {
  const pid = data.view.ownerPid()
  const streams = data.streams().filter(({ kind }) => kind === 'user')
  return {
    job: data.job ?? '',
    runs: pid === null ? null : `process ${pid} has ${data.path}`,
    removes: listLineages(data).map(
      ({ number, checkpoints, records, stateBytes }): ResetItem => ({
        kind: 'lineage',
        name: `lineage ${number}`,
        about: `state, positions, ${checkpoints} retained checkpoints, and records between steps`,
        count: records,
        sizeBytes: stateBytes,
      }),
    ),
    keeps: streams.map((stream) => streamItem(data, stream)),
  }
}

function streamItem({ view }: DataDir, { name, slot, partitions }: StreamInfo): ResetItem {
  let count = 0
  for (let p = 0; p < partitions; p++) count += view.offsets.end(slot + p) - view.offsets.start(slot + p)
  return { kind: 'topic', name, about: 'records of a stream', count, sizeBytes: null }
}

export interface EmbeddedReset {
  readonly disk: Disk
  readonly dataDir: string
  readonly clock: Clock
  readonly newId: () => string
}

/**
 * Begins a new history, without state, that reads the streams from their start; then removes the older ones. The first of
 * that is one write: cut off behind it, `state drop --lineage older` does the rest. ERR_DATA_DIR_LOCKED.
 */
export function resetEmbedded({ disk, dataDir, clock, newId }: EmbeddedReset): void {
  const lock = DirectoryLock.acquire(disk, dataDir, nodeProcesses)
  let older: LineageFile['older']
  try {
    const file = readLineage(disk, dataDir)
    if (file === null) return
    const left = [...file.older, ...[file.current, file.pending].filter((each) => each !== null)]
    older = left
    const number = 1 + Math.max(...left.map((each) => each.number))
    const current = { id: newId(), number, from: null, atMs: clock.now() }
    writeLineage(disk, dataDir, { ...file, current, pending: null, older })
  } finally {
    lock.release()
  }
  dropLineages({ disk, dataDir, clock, numbers: older.map((each) => each.number) })
}

/** What a run on another system keeps in its data directory: a cache of what the system has. */
const CACHED = ['state', 'covered', 'lineage'] as const

/** Null when there is nothing. */
export function cachedFiles(disk: Disk, dataDir: string): ResetItem | null {
  const there = CACHED.filter((name) => disk.exists(`${dataDir}/${name}`))
  if (there.length === 0) return null
  const sizeBytes = bytesBelow(disk, `${dataDir}/state`)
  return { kind: 'files', name: dataDir, about: 'local copy of the state', count: null, sizeBytes }
}

/** ERR_DATA_DIR_LOCKED when a run has it: so this is asked first, and held while the rest is removed. */
export function removeCached(disk: Disk, dataDir: string): void {
  for (const name of CACHED) disk.host?.removeTree(`${dataDir}/${name}`)
}
