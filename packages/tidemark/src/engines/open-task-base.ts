import type { LsmBase } from '../lsm/lsm-base.ts'
import { runWaiting } from '../lsm/open-files.ts'
import type { Base } from '../store/types.ts'
import { openEngine } from './engine.ts'
import {
  fillFromShadow,
  type OpenedPart,
  openShadowIfThere,
  placeMissing,
  type ShadowChoice,
  shadowed,
} from './open-shadow.ts'
import { type OpenBaseOptions } from './registry.ts'
import {
  assertSamePlace,
  directoryOf,
  type EngineChoice,
  engineOf,
  FILES_PLACE,
  hasFiles,
  placeOf,
  type Places,
  readPlaces,
  writePlaces,
} from './placement.ts'
import { type BasePart, SplitBase } from './split-base.ts'

/** The choice that a reader beside the owner has: none, it takes what is there. */
const AS_THEY_ARE: EngineChoice = { engine: 'lsm', stores: {} }

export interface TaskBaseOptions extends Omit<OpenBaseOptions, 'readOnly'>, ShadowChoice {
  /** Which engine keeps which store. */
  readonly choice: EngineChoice
  /** Names of the stores that the task declares. */
  readonly stores: readonly string[]
}

/**
 * Opens the base of a task, in `directory`: one engine's, or several under one. A promise only when an engine needs one.
 * Engines that are gone are filled from the shadow, if there is one. Errors as `openEngine`, and ERR_ENGINE_CHANGED: a store
 * has its data in another engine.
 */
export function openTaskBase(options: TaskBaseOptions): Base | Promise<Base> {
  const { choice, directory, disk } = options
  const written = readPlaces(disk, directory)
  // A process may have ended before the name was durable; from now on others rely on it.
  if (written !== null) disk.syncDirectory(directory)
  const places = new Map(written ?? [])
  for (const store of options.stores) {
    const place = placeOf(choice.stores[store] ?? choice.engine, choice)
    assertSamePlace(store, places.get(store) ?? place, place, directory)
    places.set(store, place)
  }
  const used = new Set(places.values())
  if (used.size === 0) used.add(placeOf(choice.engine, choice))
  const onlyFiles = used.size === 1 && used.has(FILES_PLACE)
  if (written === null && hasFiles(disk, directory)) used.add(FILES_PLACE)
  const opened = openParts(options, choice, used)
  const ready = (parts: readonly OpenedPart[]): Base | Promise<Base> => {
    let shadow: LsmBase | null = null
    const closing = (error: unknown): never => {
      shadow?.close()
      for (const { base } of parts) base.close()
      throw error
    }
    try {
      addUndeclared(parts, places, directory)
      if (!onlyFiles) shadow = openShadowIfThere(options)
      const added = addedParts(parts, written, hasFiles(disk, directory))
      const isLost = ({ base }: OpenedPart): boolean => shadow !== null && shadow.id > 0 && base.id === 0
      const lost = parts.filter((part) => isLost(part) && !added.includes(part))
      if (lost.length > 0) placeMissing(parts, places, (shadow as unknown as LsmBase).descriptors)
      const join = (): Base => {
        // Before the first write: whoever opens the directory later must find all parts of it.
        if (!onlyFiles && !samePlaces(places, written)) writePlaces(disk, directory, places)
        return joined(parts, places)
      }
      if (onlyFiles) return join()
      if (lost.length + added.length === 0) return shadowed(options, join(), shadow)
      const bring = async (): Promise<Base> => {
        await beginAdded(parts, added)
        const base = join()
        if (lost.length > 0) await fillFromShadow(options, lost, places, shadow as unknown as LsmBase)
        return shadowed(options, base, shadow)
      }
      return bring().catch(closing)
    } catch (error) {
      return closing(error)
    }
  }
  return opened instanceof Promise ? opened.then(ready) : ready(opened)
}

/**
 * Parts that the task had no store in before: nothing was ever written there, so that they are at the checkpoint that the
 * others are at, and not at the beginning.
 */
function addedParts(parts: readonly OpenedPart[], written: Places | null, files: boolean): OpenedPart[] {
  const before = new Set(written?.values() ?? (files ? [FILES_PLACE] : []))
  return before.size === 0 ? [] : parts.filter(({ place, base }) => !before.has(place) && base.id === 0)
}

/** Before it is written down where stores are: until then the part is new. */
async function beginAdded(parts: readonly OpenedPart[], added: readonly OpenedPart[]): Promise<void> {
  const id = Math.min(...parts.filter((part) => !added.includes(part)).map(({ base }) => base.id))
  if (id > 0) for (const { base } of added) await runWaiting(base.write(id, [], []))
}

/**
 * Opens the state of a task for reading, beside its owner or not, whatever engines keep it. Errors as `openEngine`;
 * ERR_FILE_NOT_FOUND when the owner rewrites it too quickly to be read: try again.
 */
export function openTaskBaseForReading(options: Omit<OpenBaseOptions, 'readOnly'>): Base | Promise<Base> {
  const places = readPlaces(options.disk, options.directory) ?? new Map<string, string>()
  const used = new Set(places.values())
  if (used.size === 0) used.add(FILES_PLACE)
  const opened = openParts({ ...options, readOnly: true }, AS_THEY_ARE, used)
  const ready = (parts: readonly OpenedPart[]): Base => joined(parts, places)
  return opened instanceof Promise ? opened.then(ready) : ready(opened)
}

/** All parts or none; without waiting when it is one part that needs none. */
function openParts(
  options: OpenBaseOptions,
  choice: EngineChoice,
  places: ReadonlySet<string>,
): OpenedPart[] | Promise<OpenedPart[]> {
  const open = (place: string): Base | Promise<Base> =>
    openEngine(engineOf(place, choice), { ...options, directory: directoryOf(options.directory, place) })
  const [first] = places
  if (places.size > 1 || first === undefined) return openSeveral([...places], open)
  const opened = open(first)
  if (opened instanceof Promise) return opened.then((base) => [{ place: first, base }])
  return [{ place: first, base: opened }]
}

async function openSeveral(
  places: readonly string[],
  open: (place: string) => Base | Promise<Base>,
): Promise<OpenedPart[]> {
  const parts: OpenedPart[] = []
  try {
    for (const place of places) parts.push({ place, base: await open(place) })
    return parts
  } catch (error) {
    for (const { base } of parts) base.close()
    throw error
  }
}

/**
 * Stores that the job does not declare any more stay where they are. In a directory from before its first store of another
 * engine, what is in its files is written down nowhere else.
 */
function addUndeclared(parts: readonly OpenedPart[], places: Map<string, string>, directory: string): void {
  for (const { place, base } of parts) {
    for (const { name } of base.descriptors) {
      assertSamePlace(name, place, places.get(name) ?? place, directory)
      places.set(name, place)
    }
  }
}

function samePlaces(a: Places, b: Places | null): boolean {
  return b !== null && a.size === b.size && [...a].every(([store, place]) => b.get(store) === place)
}

function joined(opened: readonly OpenedPart[], places: Places): Base {
  const [only] = opened
  if (opened.length === 1 && only !== undefined) return only.base
  return new SplitBase(
    opened.map(({ place, base }): BasePart => {
      const stores = [...places].filter(([, own]) => own === place).map(([store]) => store)
      return { base, stores: new Set(stores) }
    }),
  )
}
