import { type Disk, readFile, replaceFile } from '../disk/disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { MANIFEST_NAME } from '../lsm/manifest.ts'
import type { Engine } from './registry.ts'

/** The file that says where the stores of a task are, in its state directory; without it all are in `files`. */
const PLACES_NAME = 'ENGINES'
const VERSION = 1

/** The directory of the task itself, with sorted files, which the engines `lsm` and `memory` share. */
export const FILES_PLACE = 'files'

/** Below the directory of a task: its stores as sorted files too, where engines keep them that keep the newest state only. */
const SHADOW_PLACE = 'shadow'

/** Which engine keeps which store of a task. */
export interface EngineChoice {
  /** Of every store that is not named below. */
  readonly engine: Engine
  /** By store. */
  readonly stores: Readonly<Record<string, Engine>>
}

/** By store: `files`, or the directory of an engine below that of the task. */
export type Places = ReadonlyMap<string, string>

/** The engine of the job keeps the task's own directory if it can; a second file engine gets one of its own. */
export function placeOf(engine: Engine, choice: EngineChoice): string {
  if (engine === 'memory') return choice.engine === 'memory' ? FILES_PLACE : 'memory'
  if (engine === 'lsm') return choice.engine === 'memory' ? 'lsm' : FILES_PLACE
  return engine
}

/** The engine that opens a place. */
export function engineOf(place: string, choice: EngineChoice): Engine {
  if (place !== FILES_PLACE) return place
  return choice.engine === 'memory' ? 'memory' : 'lsm'
}

export function directoryOf(directory: string, place: string): string {
  return place === FILES_PLACE ? directory : `${directory}/${place}`
}

/** Where the shadow of a task is (see ShadowedBase), whether there is one or not. */
export function shadowDirectory(directory: string): string {
  return `${directory}/${SHADOW_PLACE}`
}

/** True for the names of directories below a task's that are no engine's. */
export function isTaken(place: string): boolean {
  return place === FILES_PLACE || place === SHADOW_PLACE
}

/** Where the stores of a task are; null when nothing says so. ERR_STATE_CORRUPT. */
export function readPlaces(disk: Disk, directory: string): Places | null {
  const path = `${directory}/${PLACES_NAME}`
  if (!disk.exists(path)) return null
  const text = Buffer.from(readFile(disk, path)).toString('utf8')
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    throw damaged(path, cause)
  }
  if (typeof read !== 'object' || read === null) throw damaged(path, undefined)
  const { version, stores, crc } = read as {
    readonly version?: unknown
    readonly stores?: unknown
    readonly crc?: unknown
  }
  if (typeof version === 'number' && version > VERSION) {
    throw new TidemarkError(
      'ERR_FORMAT_NEWER',
      `${path} was written by a later version of Tidemark. Use that version`,
      {
        details: { path, version },
      },
    )
  }
  if (version !== VERSION || typeof stores !== 'object' || stores === null) throw damaged(path, undefined)
  if (crc !== checksum(stores)) throw damaged(path, undefined)
  return new Map(Object.entries(stores as Readonly<Record<string, string>>))
}

function damaged(path: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    'ERR_STATE_CORRUPT',
    `${path}, which says which engine keeps which store, is damaged. Restore it, or the whole data directory, from a copy`,
    { cause, details: { path } },
  )
}

export function writePlaces(disk: Disk, directory: string, places: Places): void {
  const stores = Object.fromEntries([...places].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  const text = JSON.stringify({ version: VERSION, stores, crc: checksum(stores) }, null, 1)
  replaceFile(disk, directory, PLACES_NAME, Buffer.from(`${text}\n`))
}

/** Of the stores as JSON without white space: a name that was changed by a flipped bit would be another engine, or store. */
function checksum(stores: object): string {
  const bytes = Buffer.from(JSON.stringify(stores))
  return crc32c(bytes, 0, bytes.length).toString(16).padStart(8, '0')
}

/** True if all of a task's state is in the sorted files of its own directory: then files need no import. */
export function keptInFiles(choice: EngineChoice, stores: readonly string[]): boolean {
  const engines = [choice.engine, ...stores.map((store) => choice.stores[store] ?? choice.engine)]
  return engines.every((engine) => placeOf(engine, choice) === FILES_PLACE)
}

/** True if the task has, or had, stores in sorted files of its own directory. */
export function hasFiles(disk: Disk, directory: string): boolean {
  return disk.exists(`${directory}/${MANIFEST_NAME}`)
}

/** ERR_ENGINE_CHANGED unless the store is where it is to be. */
export function assertSamePlace(store: string, there: string, wanted: string, directory: string): void {
  if (there === wanted) return
  const was = there === FILES_PLACE ? 'lsm' : there
  const now = wanted === FILES_PLACE ? 'lsm' : wanted
  throw new TidemarkError(
    'ERR_ENGINE_CHANGED',
    `store ${store} in ${directory} is kept by the engine ${was}, and is now to be kept by ${now}. Set its engine back ` +
      `to ${was}; or, in a job, take a savepoint with it and start from that with the other engine; or give the store a new name (the old data stays until it is dropped)`,
    { details: { store, path: directory, was, now } },
  )
}
