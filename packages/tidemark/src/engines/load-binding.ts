import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { TidemarkError } from '../errors/error.ts'

/** The version of each optional package that the tests run with. */
export const BINDINGS = {
  rocksdb: { name: '@nxtedition/rocksdb', version: '12.2.12' },
  leveldb: { name: 'classic-level', version: '3.0.0' },
  lmdb: { name: 'lmdb', version: '3.5.6' },
} as const

/** How a package is found: replaced in tests. */
export type Resolve = (name: string) => unknown

/**
 * Loads the native package of an engine, beside Tidemark or in the working directory. ERR_ENGINE_MISSING when it is not
 * installed, or cannot be loaded on this machine; the message has the command that installs it.
 */
export function loadBinding(engine: keyof typeof BINDINGS, resolve: Resolve = load): unknown {
  const { name, version } = BINDINGS[engine]
  try {
    return resolve(name)
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] as string) : String(cause)
    throw new TidemarkError(
      'ERR_ENGINE_MISSING',
      `the engine ${engine} needs the package ${name}, which cannot be loaded (${why}). ` +
        `Install it: npm install ${name}@${version}`,
      { cause, details: { engine, package: name } },
    )
  }
}

function load(name: string): unknown {
  const own = createRequire(import.meta.url)
  try {
    return own(name)
  } catch (error) {
    // A command that was installed globally has not the packages of the project.
    const here = createRequire(pathToFileURL(`${process.cwd()}/package.json`))
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return here(name)
    throw error
  }
}
