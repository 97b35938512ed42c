import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/** Mounts a file system of a size (as mount takes it: '3m') at a path that it makes, or says why that cannot be done here. */
export function mountSmall(path: string, size: string): string | null {
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'pipe' })
    return null
  } catch (error) {
    return `no small file system can be mounted here: ${(error as Error).message.split('\n')[0]}`
  }
}
