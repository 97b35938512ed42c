import { globSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/** The root of the repository, absolute. */
export const ROOT: string = join(import.meta.dirname, '..', '..')

/** Files that match, as paths from the root with forward slashes, sorted; never below node_modules. */
export function findFiles(patterns: readonly string[]): string[] {
  const found = globSync([...patterns], {
    cwd: ROOT,
    exclude: (path) => path === 'node_modules' || path.endsWith(`${sep}node_modules`) || path.endsWith('.tidemark'),
  })
  return found.map(posix).sort()
}

/** A path from the root with forward slashes. */
export function fromRoot(path: string): string {
  return posix(relative(ROOT, path))
}

/** A path with forward slashes. */
export function posix(path: string): string {
  return path.split(sep).join('/')
}
