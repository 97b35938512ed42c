import { invariant } from '../errors/error.ts'
import { openLsmBase } from '../lsm/lsm-base.ts'
import type { Base } from '../store/types.ts'
import { openMemoryBase } from './memory.ts'
import { NATIVE_ENGINES, type NativeEngineName } from './native.ts'
import { assertEngine, type Engine, type OpenBaseOptions, registeredEngine } from './registry.ts'

/**
 * Opens the committed state in a directory with a file engine, without waiting. ERR_STATE_CORRUPT: a file is damaged or
 * missing. ERR_FORMAT_NEWER: a later version of Tidemark wrote it. ERR_INVARIANT for an engine that has to be waited for.
 */
export function openBase(engine: Engine, options: OpenBaseOptions): Base {
  invariant(engine === 'lsm' || engine === 'memory', `the engine ${engine} is opened by openEngine`)
  return engine === 'memory' ? openMemoryBase(options) : openLsmBase(options)
}

/**
 * Opens the committed state in a directory with any engine; the native ones give a promise. ERR_ENGINE_UNKNOWN;
 * ERR_ENGINE_MISSING: its package is not installed; ERR_ENGINE_LOCKED: another base or process has it open;
 * ERR_ENGINE_DISK: it cannot be on this disk; ERR_STATE_CORRUPT, ERR_FORMAT_NEWER, ERR_DISK_FULL, ERR_ENGINE.
 */
export function openEngine(engine: Engine, options: OpenBaseOptions): Base | Promise<Base> {
  assertEngine(engine, `the state in ${options.directory}`)
  const registered = registeredEngine(engine)
  if (registered !== undefined) return registered.open(options)
  const native = NATIVE_ENGINES.find((name) => name === engine)
  return native === undefined ? openBase(engine, options) : openNativeBase(native, options)
}

/** Most containers have no such engine: its modules are loaded when one does. */
async function openNativeBase(name: NativeEngineName, options: OpenBaseOptions): Promise<Base> {
  const { openNative } = await import('./open-native.ts')
  return openNative(name, options)
}
