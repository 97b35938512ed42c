import { loadPackage, type ResolvePackage } from '../errors/optional-package.ts'

/** The version of each optional package that the tests run with. */
export const BINDINGS = {
  rocksdb: { name: '@nxtedition/rocksdb', version: '12.2.12' },
  leveldb: { name: 'classic-level', version: '3.0.0' },
  lmdb: { name: 'lmdb', version: '3.5.6' },
} as const

/**
 * Loads the native package of an engine, beside Tidemark or in the working directory. ERR_ENGINE_MISSING when it is not
 * installed, or cannot be loaded on this machine; the message has the command that installs it.
 */
export function loadBinding(engine: keyof typeof BINDINGS, resolve?: ResolvePackage): unknown {
  const neededBy = `the engine ${engine} needs`
  return loadPackage({ ...BINDINGS[engine], neededBy, code: 'ERR_ENGINE_MISSING', details: { engine } }, resolve)
}
