import { assertEngine, type Engine } from '../engines/registry.ts'
import type { EngineChoice } from '../engines/placement.ts'
import { suggestion } from '../errors/nearest.ts'
import { TidemarkError } from '../errors/error.ts'
import type { StoreSpec } from '../store/types.ts'

/** Which engine keeps what, as the run says: of the whole job, and by store. */
export interface EngineSettings {
  readonly engine: Engine
  readonly storeEngines: Readonly<Record<string, Engine>>
}

type NamedStore = Pick<StoreSpec, 'name' | 'engine'>

/** The engine of each store: what the run says of the store, else what the store says, else that of the job. */
export function engineChoice(settings: EngineSettings, specs: readonly NamedStore[]): EngineChoice {
  const stores = specs.map(
    ({ name, engine }) => [name, settings.storeEngines[name] ?? engine ?? settings.engine] as const,
  )
  return { engine: settings.engine, stores: Object.fromEntries(stores) }
}

/**
 * Checks a choice before anything is opened. ERR_ENGINE_UNKNOWN: a store names an engine that there is not.
 * ERR_UNKNOWN_STORE: the run names a store that the job has not.
 */
export function assertEngines(settings: EngineSettings, specs: readonly NamedStore[]): void {
  assertEngine(settings.engine, 'engine')
  for (const { name, engine } of specs) if (engine !== undefined) assertEngine(engine, `store ${name}`)
  const names = specs.map(({ name }) => name)
  for (const [store, engine] of Object.entries(settings.storeEngines)) {
    assertEngine(engine, `the engine of store ${store}`)
    if (names.includes(store)) continue
    throw new TidemarkError(
      'ERR_UNKNOWN_STORE',
      `an engine is named for store "${store}", which the job has not.${suggestion(store, names)}`,
      {
        details: { store },
      },
    )
  }
}
