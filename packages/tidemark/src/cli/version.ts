import { readFileSync } from 'node:fs'

/** The directory of this package. */
export const packageRoot: URL = new URL('../../', import.meta.url)

/** The version of this package, from its package.json. */
export function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as { version: string }
  return manifest.version
}
