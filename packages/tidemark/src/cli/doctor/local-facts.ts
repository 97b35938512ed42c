import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { uniqueId } from '../../clock/unique-id.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { nodeProcesses } from '../../disk/process-table.ts'
import { lockHolder } from '../../log/embedded/lock.ts'
import type { LocalFacts } from '../../ops/doctor/local-findings.ts'

const SYNCS = 20
const BLOCK = new Uint8Array(4096)
/** By the numbers of statfs(2). */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])
const ON_NETWORK: ReadonlySet<number> = new Set([0x6969, 0xff534d42, 0xfe534d42, 0x517b, 0x65735546])

/** Looks at this machine: writes a small file into the data directory, or its nearest parent, and removes it again. */
export function localFacts(directory: string): LocalFacts {
  const exists = existsSync(directory)
  const place = exists ? directory : nearestParent(directory)
  const probe = writeProbe(place)
  const space = spaceOf(place)
  return {
    nodeVersion: process.version,
    directory,
    exists,
    ownerPid: exists ? lockHolder(nodeDisk, directory, nodeProcesses) : null,
    ...probe,
    ...space,
    newestAheadMs: exists ? newestAheadMs(directory) : null,
    openFiles: openFiles(),
  }
}

function nearestParent(directory: string): string {
  let place = dirname(directory)
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place)
  return place
}

function writeProbe(place: string): Pick<LocalFacts, 'writeFailure' | 'syncMs' | 'fileClockAheadMs'> {
  const path = join(place, `.tidemark-doctor-${uniqueId()}`)
  const syncMs: number[] = []
  try {
    const file = openSync(path, 'wx')
    try {
      for (let i = 0; i < SYNCS; i++) {
        const startMs = performance.now()
        writeSync(file, BLOCK)
        fsyncSync(file)
        syncMs.push(performance.now() - startMs)
      }
      return { writeFailure: null, syncMs, fileClockAheadMs: fstatSync(file).mtimeMs - Date.now() }
    } finally {
      closeSync(file)
      rmSync(path, { force: true })
    }
  } catch (error) {
    return { writeFailure: error instanceof Error ? error.message : String(error), syncMs, fileClockAheadMs: null }
  }
}

function spaceOf(place: string): Pick<LocalFacts, 'totalBytes' | 'freeBytes' | 'fileSystem'> {
  try {
    const { type, bsize, blocks, bavail } = statfsSync(place)
    const fileSystem = IN_MEMORY.has(type) ? 'memory' : ON_NETWORK.has(type) ? 'network' : null
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize, fileSystem }
  } catch {
    return { totalBytes: null, freeBytes: null, fileSystem: null }
  }
}

/** Of the files directly in the data directory, and of the journal. */
function newestAheadMs(directory: string): number | null {
  let newest = Number.NEGATIVE_INFINITY
  for (const place of [directory, join(directory, 'journal')]) {
    if (!existsSync(place)) continue
    for (const name of readdirSync(place)) {
      newest = Math.max(newest, statSync(join(place, name), { throwIfNoEntry: false })?.mtimeMs ?? newest)
    }
  }
  return newest === Number.NEGATIVE_INFINITY ? null : newest - Date.now()
}

/** Linux tells it; other systems do not. */
function openFiles(): number | null {
  try {
    const limit = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    if (limit === undefined) return null
    return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit)
  } catch {
    return null
  }
}
