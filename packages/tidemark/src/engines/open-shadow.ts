import { type LsmBase, openLsmBase } from '../lsm/lsm-base.ts'
import type { Base, StoreDescriptor } from '../store/types.ts'
import { copyStores } from './copy-stores.ts'
import { type Places, shadowDirectory } from './placement.ts'
import type { OpenBaseOptions } from './registry.ts'
import { clearStrays, hasShadow, isComplete } from './shadow-files.ts'
import { ShadowedBase } from './shadowed-base.ts'

/** What one engine keeps of a task. */
export interface OpenedPart {
  readonly place: string
  readonly base: Base
}

export interface ShadowChoice {
  /**
   * Of a task that is not kept in its own sorted files alone: `follow`: checkpoints are kept by policy or elsewhere, so its
   * shadow takes part in every write. `as-it-is`: it does if it has so far. Default: only when one is asked for.
   */
  readonly shadow?: 'follow' | 'as-it-is' | 'on-request'
  /** Entries that are compared in one write, while a shadow is brought up (default 32768). */
  readonly fillEntries?: number
}

type ShadowOptions = Omit<OpenBaseOptions, 'readOnly'> & ShadowChoice

/** The shadow of the task of a directory, made if there is none. */
export function openShadow(options: ShadowOptions): LsmBase {
  const { disk, cache, clock, compression, blockBytes, compactor, failpoint } = options
  const directory = shadowDirectory(options.directory)
  clearStrays(disk, directory)
  return openLsmBase({
    disk,
    directory,
    cache,
    ...(clock === undefined ? {} : { clock }),
    ...(compression === undefined ? {} : { compression }),
    ...(blockBytes === undefined ? {} : { blockBytes }),
    ...(compactor === undefined ? {} : { compactor }),
    ...(failpoint === undefined ? {} : { failpoint }),
  })
}

/** Null if there is none. */
export function openShadowIfThere(options: ShadowOptions): LsmBase | null {
  const directory = shadowDirectory(options.directory)
  if (hasShadow(options.disk, directory)) return openShadow(options)
  clearStrays(options.disk, directory)
  return null
}

/** The engines of a task with their shadow, which is there or not. */
export function shadowed(options: ShadowOptions, main: Base, shadow: LsmBase | null): Base {
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

/** Stores that only the shadow knows of, since the job declares them no more: they go to the task's first engine. */
export function placeMissing(
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
export async function fillFromShadow(
  options: ShadowOptions,
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
