import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { TidemarkError } from './error.ts'
import type { ErrorCode } from './table.ts'

/** How a package is found: replaced in tests. */
export type ResolvePackage = (name: string) => unknown

/** A package that is not installed with Tidemark: only those who use what needs it install it. */
export interface OptionalPackage {
  readonly name: string
  /** The version that the tests run with. */
  readonly version: string
  /** How the message begins: `the engine lmdb needs`. */
  readonly neededBy: string
  /** What is thrown when it cannot be loaded. */
  readonly code: ErrorCode
  readonly details?: Readonly<Record<string, unknown>>
}

/**
 * Loads a package, beside Tidemark or in the working directory. Throws the package's code when it is not installed, or
 * cannot be loaded on this machine; the message has the command that installs it.
 */
export function loadPackage(wanted: OptionalPackage, resolve: ResolvePackage = load): unknown {
  const { name, version, neededBy, code, details } = wanted
  try {
    return resolve(name)
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] as string) : String(cause)
    throw new TidemarkError(
      code,
      `${neededBy} the package ${name}, which cannot be loaded (${why}). Install it: npm install ${name}@${version}`,
      { cause, details: { ...details, package: name } },
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
