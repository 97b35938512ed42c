import type { Disk } from '../disk/disk.ts'
import { fromWireError, isTidemarkError } from '../errors/error.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import type { Finding, VerifyReport } from '../lsm/finding.ts'
import { verifyBase } from '../lsm/verify-base.ts'
import type { Base } from '../store/types.ts'
import { openEngine } from './engine.ts'
import { FILE_ENGINES } from './registry.ts'
import { LEVELDB } from './leveldb.ts'
import { LMDB } from './lmdb.ts'
import { directoryOf, FILES_PLACE, readPlaces } from './placement.ts'
import { readInChild } from './verify-child.ts'
import { verifyLevelTable } from './verify-leveldb.ts'

const ALL = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY } as const
const CACHE_BYTES = 1024 * 1024
const STEP_ENTRIES = 4096

/** What one engine keeps for a task, verified. */
export interface PlaceReport extends VerifyReport {
  readonly directory: string
  /** It is damaged, and its engine trusts what it reads: to open it might end this process. */
  readonly unsafe: boolean
}

export interface VerifyPlacesOptions {
  readonly disk: Disk
  /** A task's state directory. */
  readonly directory: string
  /** What an error says of the data; it throws the error when that is nothing. */
  readonly findingOf: (error: unknown, path: string) => Finding
  /** Runs work in steps, and lets others have the thread now and then. */
  readonly inTurns: <T>(work: Generator<void, T>) => Promise<T>
}

/**
 * Reads all that engines other than the sorted files of the directory itself keep for a task, so that their own checksums
 * are checked: RocksDB checks each block that it reads, LevelDB's tables are checked block by block. LMDB has none: there
 * only its structure is, in a process of its own, which damage may end. Never writes, beside a running job too.
 */
export async function verifyPlaces(options: VerifyPlacesOptions): Promise<PlaceReport[]> {
  const { disk, directory, findingOf } = options
  const reports: PlaceReport[] = []
  let places: ReadonlySet<string>
  try {
    places = new Set(readPlaces(disk, directory)?.values())
  } catch (error) {
    return [{ ...NOTHING, directory, findings: [findingOf(error, directory)] }]
  }
  for (const place of places) {
    if (place === FILES_PLACE) continue
    reports.push(await verifyPlace(options, place, directoryOf(directory, place)))
  }
  return reports
}

const NOTHING = { files: 0, bytes: 0, entries: 0, checkpoints: [], findings: [], unsafe: false } as const

async function verifyPlace(options: VerifyPlacesOptions, engine: string, directory: string): Promise<PlaceReport> {
  const { disk, inTurns, findingOf } = options
  if (FILE_ENGINES.some((name) => name === engine)) {
    return { ...(await inTurns(verifyBase(disk, directory))), directory, unsafe: false }
  }
  if (engine === LMDB.name) return verifyInChild(options, engine, directory)
  const findings: Finding[] = engine === LEVELDB.name ? await inTurns(verifyTables(disk, directory)) : []
  try {
    const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
    const base = await openEngine(engine, { disk, directory, cache, readOnly: true })
    try {
      const { files, bytes } = base.statistics()
      const entries = await inTurns(scanAll(base, directory, findings, findingOf))
      return { directory, files, bytes, entries, checkpoints: [base.id], findings, unsafe: false }
    } finally {
      base.close()
    }
  } catch (error) {
    return { ...NOTHING, directory, findings: [...findings, findingOf(error, directory)] }
  }
}

async function verifyInChild(options: VerifyPlacesOptions, engine: string, directory: string): Promise<PlaceReport> {
  const { findingOf } = options
  try {
    const { failures, ...report } = await readInChild(engine, directory)
    const findings = failures.map(({ store, error }) => ({ ...findingOf(fromWireError(error), directory), store }))
    return { ...report, directory, findings, unsafe: findings.length > 0 }
  } catch (error) {
    return { ...NOTHING, directory, findings: [findingOf(error, directory)], unsafe: true }
  }
}

/** Of each store how far it can be read. */
function* scanAll(
  base: Base,
  directory: string,
  findings: Finding[],
  findingOf: VerifyPlacesOptions['findingOf'],
): Generator<void, number> {
  let count = 0
  for (const { name } of base.descriptors) {
    try {
      const entries = base.scan(name, ALL)
      try {
        while (entries.next()) if (++count % STEP_ENTRIES === 0) yield
      } finally {
        entries.close()
      }
    } catch (error) {
      findings.push({ ...findingOf(error, directory), store: name })
    }
  }
  return count
}

function* verifyTables(disk: Disk, directory: string): Generator<void, Finding[]> {
  const findings: Finding[] = []
  for (const name of disk.list(directory)) {
    if (!LEVELDB.isTable(name)) continue
    try {
      findings.push(...(yield* verifyLevelTable(disk, `${directory}/${name}`)))
    } catch (error) {
      // The owner has merged it into others meanwhile.
      if (!isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) throw error
    }
  }
  return findings
}
