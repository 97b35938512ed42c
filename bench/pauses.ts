import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { run } from '../packages/tidemark/src/index.ts'
import { generateVisits } from './main-path/generate.ts'
import job from './main-path/count.job.ts'

/*
 * How long the event loop of a container stands still: 4 tasks count by key under full load on the main thread, with
 * commits, flushes and merges. Usage: n24 bench/pauses.ts [keys] [records]. Goal on an idle machine: p99 under 10 ms, max
 * under 50 ms. The loop's delay includes waiting for a core; the CPU time between two of its turns does not.
 */
const keys = Number(process.argv[2] ?? 1_000_000)
const records = Number(process.argv[3] ?? 4_000_000)

interface Turns {
  readonly over8: number
  readonly maxMs: number
}

/** CPU time of this thread from one turn of the event loop to the next. */
function watchTurns(): () => Turns {
  let over8 = 0
  let maxMs = 0
  let on = true
  let before = process.threadCpuUsage()
  const turn = (): void => {
    const used = process.threadCpuUsage(before)
    const ms = (used.user + used.system) / 1000
    if (ms > 8) over8++
    maxMs = Math.max(maxMs, ms)
    before = process.threadCpuUsage()
    if (on) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    on = false
    return { over8, maxMs }
  }
}

const directory = mkdtempSync(join(tmpdir(), 'tidemark-pauses-'))
try {
  generateVisits(directory, records, keys)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const app = await run(job, { dataDir: directory, untilEnd: true })
  delay.enable()
  const turns = watchTurns()
  const summary = await app.done
  delay.disable()
  const { over8, maxMs } = turns()
  const ms = (nanoseconds: number): number => Math.round(nanoseconds / 1e4) / 100
  const result = {
    keys,
    records: summary.records,
    seconds: summary.seconds,
    checkpoints: summary.checkpoints,
    p50Ms: ms(delay.percentile(50)),
    p99Ms: ms(delay.percentile(99)),
    maxMs: ms(delay.max),
    turnsOver8CpuMs: over8,
    maxTurnCpuMs: Math.round(maxMs * 100) / 100,
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
} finally {
  rmSync(directory, { recursive: true })
}
