import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface ChildOutput {
  /** From its start to its first line. */
  readonly firstLineMs: number
  readonly last: string
}

/** Runs a module, named from this folder, in a process of its own. Rejects if it does not end with code 0. */
export function startChild(module: string, args: readonly string[]): Promise<ChildOutput> {
  const startMs = performance.now()
  const child = spawn(process.execPath, [join(import.meta.dirname, module), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text: string) => {
    errors += text
  })
  let output = ''
  let firstLineMs = 0
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    if (firstLineMs === 0) firstLineMs = performance.now() - startMs
    output += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve({ firstLineMs, last: output.trimEnd().split('\n').at(-1) ?? '' })
      else reject(new Error(`${module} ended with code ${code}: ${errors.trimEnd()}`))
    })
  })
}
