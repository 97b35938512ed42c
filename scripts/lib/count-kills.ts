import childProcess, { type ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { readFileSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/*
 * Loaded before a test file of the integration part: counts the Node processes that the file starts and that end by
 * SIGKILL, by whatever the test does, and writes the number to TIDEMARK_KILLS_FILE when the file has ended, with the CPU
 * that it and all that it has started and seen the end of took, where the system tells.
 */
/** Of /proc; see proc(5). */
const TICK_MS = 10

const file = process.env['TIDEMARK_KILLS_FILE']
// Not for what the file starts.
delete process.env['TIDEMARK_KILLS_FILE']

if (file !== undefined && isMainThread) {
  let kills = 0
  subscribe('child_process', (message) => {
    const { process: child } = message as { readonly process: ChildProcess }
    child.once('exit', (_code, signal) => {
      if (signal === 'SIGKILL' && child.spawnfile === process.execPath) kills++
    })
  })
  const { spawnSync } = childProcess
  childProcess.spawnSync = ((...given: Parameters<typeof spawnSync>) => {
    const ended = spawnSync(...given)
    if (ended.signal === 'SIGKILL' && given[0] === process.execPath) kills++
    return ended
  }) as typeof spawnSync
  syncBuiltinESMExports()
  process.on('exit', () => writeFileSync(file, `${kills} ${cpuMs()}`))
}

function cpuMs(): number {
  if (process.platform !== 'linux') return 0
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0)
}
