import { suggestion } from '../errors/nearest.ts'
import { TidemarkError } from '../errors/error.ts'
import type { LsmFailpoint } from '../lsm/failpoints.ts'
import type { LsmOptions } from '../lsm/lsm-base.ts'
import type { Base } from '../store/types.ts'
import type { NativeFailpoint } from './native-base.ts'
import { NATIVE_ENGINES } from './native.ts'
import { isTaken } from './placement.ts'
import type { ShadowFailpoint } from './shadow-failpoints.ts'

/** The engines on Tidemark's own sorted files: see design/01, "Engines beside it". They open without waiting. */
export const FILE_ENGINES = ['lsm', 'memory'] as const

/** Every engine that Tidemark has. */
export const ENGINES: readonly [...typeof FILE_ENGINES, ...typeof NATIVE_ENGINES] = [...FILE_ENGINES, ...NATIVE_ENGINES]

export type FileEngine = (typeof FILE_ENGINES)[number]

/** An engine of Tidemark, or the name of one that was registered (see `registerEngine`). */
export type Engine = (typeof ENGINES)[number] | (string & {})

/** A step of a write, for crash tests. */
export type EngineFailpoint = LsmFailpoint | NativeFailpoint | ShadowFailpoint

export interface OpenBaseOptions extends Omit<LsmOptions, 'resident' | 'failpoint'> {
  /** Bytes that an engine with a cache of its own may keep (default 32 MiB); the file engines use `cache`. */
  readonly cacheBytes?: number
  /** Called at the steps named in LSM_FAILPOINTS, NATIVE_FAILPOINTS or SHADOW_FAILPOINTS, for crash tests. */
  readonly failpoint?: (name: EngineFailpoint) => void
}

/** An engine as it is registered: `baseConformance` of `tidemark/testing` says what its bases must do. */
export interface EngineDefinition {
  /** Letters, digits and `-`; it names a directory too. */
  readonly name: string
  /**
   * Opens the committed state in a directory. `readOnly` is for a reader beside the owner, which may write meanwhile: a
   * base that is empty if there is nothing yet. An engine that needs real files throws ERR_ENGINE_DISK without
   * `disk.host`.
   */
  open(options: OpenBaseOptions): Base | Promise<Base>
}

const registered = new Map<string, EngineDefinition>()

/**
 * Makes an engine known by its name, in this thread: call it in the module of the job, which every container imports (and
 * in tidemark.config.ts when the name is used there). The same name again replaces it. ERR_ENGINE_NAME: the name is one
 * of Tidemark's own, or cannot name a directory.
 */
export function registerEngine(engine: EngineDefinition): void {
  const { name } = engine
  const own = ENGINES.some((known) => known === name)
  if (own || !/^[a-z][a-z0-9-]{0,63}$/.test(name) || isTaken(name)) {
    throw new TidemarkError(
      'ERR_ENGINE_NAME',
      `an engine cannot be registered as "${name}": ` +
        (own ? 'Tidemark has one of this name' : 'a name is small letters, digits and -, and starts with a letter'),
      { details: { engine: name } },
    )
  }
  registered.set(name, engine)
}

/** Names of all engines: Tidemark's own, then the registered ones. */
export function engineNames(): string[] {
  return [...ENGINES, ...registered.keys()]
}

/** Throws ERR_ENGINE_UNKNOWN, with the nearest name, if there is no engine of this name; `where` starts the message. */
export function assertEngine(name: string, where: string): void {
  if (registered.has(name) || ENGINES.some((known) => known === name)) return
  throw new TidemarkError(
    'ERR_ENGINE_UNKNOWN',
    `${where}: there is no engine "${name}".${suggestion(name, engineNames())}`,
    {
      details: { engine: name },
    },
  )
}

/** The engine that was registered by this name; undefined for Tidemark's own. */
export function registeredEngine(name: string): EngineDefinition | undefined {
  return registered.get(name)
}
