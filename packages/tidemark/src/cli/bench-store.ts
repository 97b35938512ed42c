import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { systemClock } from '../clock/clock.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { assertEngine, type Engine, ENGINES } from '../engines/registry.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { suggestion } from '../errors/nearest.ts'
import { CompactionHost } from '../lsm/compaction-host.ts'
import { ThreadCompactor } from '../lsm/thread-compactor.ts'
import { benchStore, type StoreBenchOptions, type StoreBenchResult } from '../ops/bench-store/bench-store.ts'
import type { Distribution } from '../ops/bench-store/run-workload.ts'
import { type Workload, WORKLOADS } from '../ops/bench-store/workloads.ts'
import { seededRandom } from '../hash/seeded-random.ts'
import type { CliContext, Options } from './context.ts'
import { countFlag, durationFlag, sizeFlag, textFlag } from './flag-values.ts'
import { formatBytes, formatCount } from './format.ts'
import { cut } from './table.ts'
import { WorkLine } from './work-line.ts'

/** `tidemark bench store`: one engine after the other, each result as it comes. */
export async function benchStoreCommand(options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const engines = enginesOf(options)
  const workloads = workloadsOf(options)
  const directory = directoryOf(options)
  const compaction = new CompactionHost({ bytesPerSecond: 0 })
  const compactor = new ThreadCompactor(compaction.port(), (error) => terminal.note(error.message))
  const seed = countFlag(options, 'seed', '--seed', 0) ?? 1
  const line = new WorkLine(terminal)
  const report = new Report(context, options['json'] === true, line)
  try {
    for (const engine of engines) {
      const run: StoreBenchOptions = {
        ...numbersOf(options),
        disk: nodeDisk,
        clock: systemClock,
        random: seededRandom(seed),
        compactor,
        directory,
        engine,
        workloads,
        distribution: distributionOf(options),
        dropPageCache,
        onWork: (workload, done, of) => line.show(() => progressText(engine, workload, done, of)),
      }
      try {
        for await (const result of benchStore(run)) await report.result(result)
      } catch (error) {
        // Asked for by name: an error. Left out otherwise, and said so.
        if (textFlag(options, 'engines') !== undefined || !isTidemarkError(error, 'ERR_ENGINE_MISSING')) throw error
        terminal.note(`${engine} is left out: ${error.message}`)
      } finally {
        line.done()
      }
      rmSync(join(directory, engine), { recursive: true, force: true })
    }
  } finally {
    compactor.close()
    await compaction.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Prints results: JSON lines, or a table that grows. */
class Report {
  readonly #context: CliContext
  readonly #json: boolean
  readonly #line: WorkLine
  #titled = false
  #warm = false

  constructor(context: CliContext, json: boolean, line: WorkLine) {
    this.#context = context
    this.#json = json
    this.#line = line
  }

  async result(result: StoreBenchResult): Promise<void> {
    const { engine, workload, keys, opsPerSecond, p99Us, state, cold, cutOff } = result
    const { terminal } = this.#context
    this.#line.done()
    if (cutOff) {
      terminal.note(
        `${engine}: the load was ended by --load-limit at ${formatCount(keys)} keys; its other workloads are left out`,
      )
    }
    if (!cold && !this.#warm) {
      this.#warm = true
      terminal.note('get-cold: only root may empty the page cache of the system, so files may be read from memory')
    }
    if (this.#json) return terminal.print(JSON.stringify({ engine, workload, keys, opsPerSecond, p99Us }))
    if (!this.#titled) {
      this.#titled = true
      await terminal.print(terminal.style.bold(row('engine', 'workload', 'keys', 'per second', 'p99', 'on disk')))
    }
    const size = formatBytes(state.baseBytes)
    await terminal.print(row(engine, workload, formatCount(keys), formatCount(opsPerSecond), `${p99Us} us`, size))
  }
}

function progressText(engine: string, workload: string, done: number, of: number | null): string {
  const part = of === null ? '' : ` of ${formatCount(of)}, ${Math.floor((done * 100) / of)}%`
  return `${engine} ${workload}: ${formatCount(done)} operations${part}`
}

function row(engine: string, workload: string, ...numbers: string[]): string {
  const cells = numbers.map((cell) => cell.padStart(12)).join('  ')
  return `${cut(engine, 10).padEnd(10)}  ${workload.padEnd(12)}${cells}`
}

function enginesOf(options: Options): Engine[] {
  const given = listOf(textFlag(options, 'engines'))
  for (const name of given) assertEngine(name, '--engines')
  return given.length > 0 ? given : [...ENGINES]
}

function workloadsOf(options: Options): Workload[] {
  const given = listOf(textFlag(options, 'workloads'))
  for (const name of given) {
    if (WORKLOADS.some((known) => known === name)) continue
    throw new TidemarkError(
      'ERR_USAGE',
      `--workloads: there is no workload "${name}".${suggestion(name, [...WORKLOADS])}`,
    )
  }
  return given.length > 0 ? (given as Workload[]) : [...WORKLOADS]
}

function listOf(text: string | undefined): string[] {
  const names = (text ?? '').split(',').map((name) => name.trim())
  return [...new Set(names.filter((name) => name !== ''))]
}

function distributionOf(options: Options): Distribution {
  const name = textFlag(options, 'distribution') ?? 'uniform'
  if (name === 'uniform' || name === 'zipf') return name
  throw new TidemarkError('ERR_USAGE', `--distribution takes uniform or zipf, not "${name}"`)
}

type Numbers = Pick<
  StoreBenchOptions,
  'keys' | 'valueBytes' | 'commitEvery' | 'cacheBytes' | 'valueCacheBytes' | 'flushBytes' | 'durationMs' | 'loadLimitMs'
>

function numbersOf(options: Options): Numbers {
  return {
    // Below it, hot keys would be all keys and zipf's sums have no sense.
    keys: countFlag(options, 'keys', '--keys', 100) ?? 1_000_000,
    valueBytes: countFlag(options, 'valueBytes', '--value-bytes', 1) ?? 100,
    commitEvery: countFlag(options, 'commitEvery', '--commit-every', 1) ?? 10_000,
    cacheBytes: sizeFlag(options, 'cache', '--cache', 0) ?? 64 * 1024 * 1024,
    valueCacheBytes: sizeFlag(options, 'valueCache', '--value-cache', 65_536) ?? 65_536,
    flushBytes: sizeFlag(options, 'flushSize', '--flush-size', 1) ?? 16 * 1024 * 1024,
    loadLimitMs: durationFlag(options, 'loadLimit', '--load-limit') ?? 600_000,
    durationMs: durationFlag(options, 'duration', '--duration') ?? 5000,
  }
}

function directoryOf(options: Options): string {
  const parent = resolve(textFlag(options, 'dir') ?? tmpdir())
  mkdirSync(parent, { recursive: true })
  return mkdtempSync(join(parent, 'tidemark-bench-'))
}

/** Linux, as root: what was read from files is forgotten by the system. */
function dropPageCache(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '1')
    return true
  } catch {
    return false
  }
}
