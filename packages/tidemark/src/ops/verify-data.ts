import { keepingDirectories } from '../checkpoint/kept-state.ts'
import { parseTaskProducer, taskStateName } from '../checkpoint/lineage.ts'
import { verifyPlaces } from '../engines/verify-places.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { Finding, VerifyReport } from '../lsm/finding.ts'
import { isFileName, MANIFEST_NAME, readManifest } from '../lsm/manifest.ts'
import { verifyBase } from '../lsm/verify-base.ts'
import { runInTurns as inTurns } from '../lsm/run-in-turns.ts'
import { hasLog, type StateDir } from './data-dir.ts'
import { findingOf, type LogReport, verifyLog } from './verify-log.ts'
import { verifyRecords } from './verify-records.ts'

/** What was verified of the sorted files of one directory, and what was found. */
export interface DirectoryReport extends VerifyReport {
  readonly directory: string
  /** The task it belongs to; null for one of a former plan or lineage. */
  readonly task: number | null
}

export interface DataReport {
  readonly directories: readonly DirectoryReport[]
  /** What opening the tasks as of their newest commit met: the deltas above the files, and whether all fits together. */
  readonly tasks: readonly Finding[]
  /** Null when only one store was asked for, and where the log is on another system. */
  readonly log: LogReport | null
  readonly damages: number
}

export interface VerifyDataOptions {
  /** Only the tasks that have this store, only what concerns it, and not the log. */
  readonly store?: string
}

/**
 * Verifies every byte of the state of all tasks, retained checkpoints too, and of the log: see `verifyBase`. Never writes;
 * beside a running job too. A generator, so that a long verification leaves the thread free: each step is a few ms.
 * State in other engines is read, all of it: see `verifyPlaces`. ERR_UNKNOWN_STORE.
 */
export async function verifyData(data: StateDir, options: VerifyDataOptions = {}): Promise<DataReport> {
  const { store } = options
  const directories: DirectoryReport[] = []
  const known = knownDirectories(data)
  for (const { directory, task } of stateDirectories(data, store)) {
    const report = await inTurns(verifyBase(data.disk, directory))
    const forgotten = known.has(directory) ? [] : verifyKnown(data, directory)
    const findings = [...report.findings, ...verifyRecords(data, directory), ...forgotten].filter(
      (each) => store === undefined || each.store === null || each.store === store,
    )
    directories.push({ ...report, findings, directory, task })
  }
  let unsafe = false
  for (const { meta } of data.tasks()) {
    if (store !== undefined && !meta.stores.some(({ name }) => name === store)) continue
    const places = { disk: data.disk, directory: data.stateDirectory(meta), findingOf, inTurns }
    for (const { unsafe: isUnsafe, ...report } of await verifyPlaces(places)) {
      unsafe ||= isUnsafe
      const findings = report.findings.filter(
        (each) => store === undefined || each.store === null || each.store === store,
      )
      directories.push({ ...report, findings, task: meta.task })
    }
  }
  const opening = unsafe ? [] : await openAll(data, store)
  const log = store === undefined && hasLog(data) ? await inTurns(verifyLog(data)) : null
  const all = [...opening, ...directories.flatMap((each) => each.findings), ...(log?.findings ?? [])]
  return { directories, tasks: opening, log, damages: all.filter((each) => each.kind === 'damage').length }
}

/** Opens all tasks together; what that meets is a finding. */
async function openAll(data: StateDir, store: string | undefined): Promise<Finding[]> {
  if (store !== undefined) {
    if (!hasLog(data)) return []
    const view = await data.store(store).catch((error: unknown) => {
      if (isTidemarkError(error, 'ERR_UNKNOWN_STORE')) throw error
      return findingOf(error, data.path)
    })
    if ('what' in view) return [view]
    view.close()
    return []
  }
  try {
    for (const { state } of await data.states({ rawValues: true })) state.close()
    return []
  } catch (error) {
    return [findingOf(error, data.path)]
  }
}

/** The directories with state of all tasks that the log has ever known, of all lineages. */
function knownDirectories(data: StateDir): ReadonlySet<string> {
  const names = data.view.producers().map(({ producer }) => parseTaskProducer(producer))
  return new Set(
    names.flatMap((name) =>
      name === null ? [] : keepingDirectories(`${data.path}/state/${taskStateName(name.lineage, name.task)}`),
    ),
  )
}

/** A task is in the log before its state is on the disk: if it is not, the journal has lost its end. */
function verifyKnown(data: StateDir, directory: string): Finding[] {
  // Of a copy, it is what an earlier lineage has left, or to be loaded anew.
  if (!hasLog(data)) return []
  let id: number
  try {
    id = readManifest(data.disk, directory)?.id ?? 0
  } catch (error) {
    // Told by `verifyBase`.
    if (isTidemarkError(error)) return []
    throw error
  }
  if (id === 0) return []
  const what = `is of checkpoint ${id} of a task that the log does not know: its journal was cut short`
  return [{ kind: 'damage', file: `${directory}/${MANIFEST_NAME}`, position: 0, store: null, what }]
}

/** Of the state directories those of the first lineage, then those of later ones. */
function placesOfState({ disk, path }: StateDir): string[] {
  const names = disk.list(`${path}/state`)
  const later = names.filter((name) => name.startsWith('lineage-'))
  return [
    ...names.filter((name) => !later.includes(name)),
    ...later.flatMap((lineage) => disk.list(`${path}/state/${lineage}`).map((name) => `${lineage}/${name}`)),
  ]
}

/** Every directory with sorted files, with the task it belongs to. */
function stateDirectories(
  data: StateDir,
  store: string | undefined,
): { readonly directory: string; readonly task: number | null }[] {
  const { disk, path } = data
  const tasks = new Map(data.tasks().map((info) => [data.stateDirectory(info.meta), info]))
  const found: { directory: string; task: number | null }[] = []
  for (const name of placesOfState(data)) {
    const directory = `${path}/state/${name}`
    const info = tasks.get(directory)
    if (store !== undefined && info?.meta.stores.some((each) => each.name === store) !== true) continue
    for (const place of keepingDirectories(directory)) {
      const there = disk.list(place)
      const sorted = there.includes(MANIFEST_NAME) || there.includes('retained') || there.some(isFileName)
      if (sorted) found.push({ directory: place, task: info?.meta.task ?? null })
    }
  }
  return found
}
