import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './paths.ts'

/** The parts of a package's package.json that differ between the repository and the registry. */
export interface PackageManifest {
  readonly exports: Readonly<Record<string, unknown>>
  readonly engines?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** What the workspace's package.json says for all packages. */
export interface WorkspaceManifest {
  readonly engines: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}

const SOURCE = /^\.\/src\/(.*)\.ts$/

/**
 * The package.json to publish: `exports` name the compiled JavaScript and its declarations instead of the sources, the
 * platform packages of Node come along, and any Node that can hand over to them is welcome. The repository's own is
 * private, so that npm refuses to publish the sources as they are when its scripts are switched off.
 */
export function publishedManifest(source: PackageManifest, workspace: WorkspaceManifest): PackageManifest {
  const entries = Object.entries(source.exports).map(([name, target]) => {
    const base = typeof target === 'string' ? SOURCE.exec(target)?.[1] : undefined
    return [name, base === undefined ? target : { types: `./dist/${base}.d.ts`, default: `./dist/${base}.js` }] as const
  })
  const { private: _, ...published } = source
  return {
    ...published,
    exports: Object.fromEntries(entries),
    engines: workspace.engines,
    optionalDependencies: { ...workspace.optionalDependencies, ...source.optionalDependencies },
  }
}

/** The package.json to publish of the package in a directory, as text. */
export function publishedText(directory: string): string {
  const source = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as PackageManifest
  const workspace = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as WorkspaceManifest
  return `${JSON.stringify(publishedManifest(source, workspace), null, 2)}\n`
}
