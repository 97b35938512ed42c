import { type LsmBase, openLsmBase } from '../lsm/lsm-base.ts'
import type { Base, StoreDescriptor } from '../store/types.ts'
import { copyStores } from './copy-stores.ts'
import { openEngine } from './engine.ts'
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
  shadowDirectory,
  writePlaces,
} from './placement.ts'
import { hasShadow, isComplete } from './shadow-files.ts'
import { ShadowedBase } from './shadowed-base.ts'
import { type BasePart, SplitBase } from './split-base.ts'

/** The choice that a reader beside the owner has: none, it takes what is there. */
const AS_THEY_ARE: EngineChoice = { engine: 'lsm', stores: {} }

export interface TaskBaseOptions extends Omit<OpenBaseOptions, 'readOnly'> {
  /** Which engine keeps which store. */
  readonly choice: EngineChoice
  /** Names of the stores that the task declares. */
  readonly stores: readonly string[]
  /**
   * Of a task that is not kept in its own sorted files alone: `follow`: checkpoints are kept by policy or elsewhere, so its
   * shadow takes part in every write. `as-it-is`: it does if it has so far. Default: only when one is asked for.
   */
  readonly shadow?: 'follow' | 'as-it-is' | 'on-request'
  /** Entries that are compared in one write, while a shadow is brought up (default 32768). */
  readonly fillEntries?: number
}

/**
 * Opens the base of a task, in `directory`: one engine's, or several under one. A promise only when an engine needs one.
 * Engines that are gone are filled from the shadow, if there is one. Errors as `openEngine`, and ERR_ENGINE_CHANGED: a store
 * has its data in another engine.
 */
export function openTaskBase(options: TaskBaseOptions): Base | Promise<Base> {
  const { choice, directory, disk } = options
  const written = readPlaces(disk, directory)
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
      if (!onlyFiles && hasShadow(disk, shadowDirectory(directory))) shadow = openShadow(options)
      const empty = shadow === null || shadow.id === 0 ? [] : parts.filter(({ base }) => base.id === 0)
      if (empty.length > 0) placeMissing(parts, places, (shadow as LsmBase).descriptors)
      // Before the first write: whoever opens the directory later must find all parts of it.
      if (!onlyFiles && !samePlaces(places, written)) writePlaces(disk, directory, places)
      const base = joined(parts, places)
      if (onlyFiles) return base
      if (empty.length === 0) return shadowed(options, base, shadow)
      const filled = fillFromShadow(options, empty, places, shadow as LsmBase)
      return filled.then(() => shadowed(options, base, shadow)).catch(closing)
    } catch (error) {
      return closing(error)
    }
  }
  return opened instanceof Promise ? opened.then(ready) : ready(opened)
}

function openShadow(options: TaskBaseOptions): LsmBase {
  const { disk, cache, clock, compression, compactor, failpoint } = options
  return openLsmBase({
    disk,
    directory: shadowDirectory(options.directory),
    cache,
    ...(clock === undefined ? {} : { clock }),
    ...(compression === undefined ? {} : { compression }),
    ...(compactor === undefined ? {} : { compactor }),
    ...(failpoint === undefined ? {} : { failpoint }),
  })
}

function shadowed(options: TaskBaseOptions, main: Base, shadow: LsmBase | null): Base {
  const { disk, failpoint = () => {}, shadow: mode = 'on-request', fillEntries } = options
  const takesPart = shadow !== null && shadow.id > 0 && isComplete(shadow, main)
  return new ShadowedBase({
    main,
    disk,
    directory: shadowDirectory(options.directory),
    openShadow: () => openShadow(options),
    shadow,
    follow: mode === 'follow' || (mode === 'as-it-is' && takesPart),
    ...(fillEntries === undefined ? {} : { fillEntries }),
    failpoint,
  })
}

/** Stores that only the shadow knows of: the engine of the job gets them, or any that the task has. */
function placeMissing(
  parts: readonly OpenedPart[],
  places: Map<string, string>,
  descriptors: readonly StoreDescriptor[],
): void {
  for (const { name, of } of descriptors) {
    const place = places.get(name) ?? places.get(of ?? name) ?? (parts[0] as OpenedPart).place
    places.set(name, place)
  }
}

/** Engines that have nothing get what the shadow has of their stores: one that was lost, or all after a restore. */
async function fillFromShadow(
  options: TaskBaseOptions,
  empty: readonly OpenedPart[],
  places: Places,
  shadow: LsmBase,
): Promise<void> {
  const { failpoint = () => {} } = options
  for (const { place, base } of empty) {
    const descriptors = shadow.descriptors.filter(({ name }) => places.get(name) === place)
    await copyStores({
      source: shadow,
      target: base,
      descriptors,
      id: shadow.id,
      onBatch: () => failpoint('shadow-after-import-batch'),
      onEnding: () => failpoint('shadow-before-import-end'),
    })
  }
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

interface OpenedPart {
  readonly place: string
  readonly base: Base
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
