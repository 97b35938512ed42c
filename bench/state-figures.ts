import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../packages/tidemark/src/clock/clock.ts'
import { nodeDisk } from '../packages/tidemark/src/disk/node-disk.ts'
import { CompactionHost } from '../packages/tidemark/src/lsm/compaction-host.ts'
import { ThreadCompactor } from '../packages/tidemark/src/lsm/thread-compactor.ts'
import { measureRanges } from './ranges.bench.ts'
import { commitFigures } from './state/commit-figures.ts'
import { bounded, type Compaction, MIB, type Print } from './state/figures.ts'
import { jobFigures } from './state/job-figures.ts'
import { fill, openState } from './state/open-state.ts'
import { restartFigures } from './state/restart-figures.ts'
import { spaceFigures } from './state/space-figures.ts'

export const STATE_HELP = `usage: npm run bench -- state [PART]... [--keys 100000] [--rounds 5] [--cache-mib 64] [--cold] [--dir DIRECTORY]

Figures of a state of so many keys (16 B, values of 100 B), in ratios. Parts, the first three without one:
  commit   10,000 changed keys: against a state of 10,000 keys
  restart  start of a process to its first read; what it reads and takes in memory
  space    bytes on disk after overwriting all keys five times over
  job      start of a job to its first message (the state is made by the job: counts by key)
  ranges   a range per message with 1 M dirty keys, and a burst of 5 M inserts (whatever --keys says)
  pauses   delay of the event loop with 4 tasks under full load
--cold empties the page cache of the system before each start of a process: only root may, and it slows down all others.
`

const PARTS = ['commit', 'restart', 'space', 'job', 'ranges', 'pauses'] as const
type Part = (typeof PARTS)[number]
const SMALL_KEYS = 10_000
const VALUE_BYTES = 100
const PAUSE_P99_MS = 10
const PAUSE_MAX_MS = 50

interface Options {
  readonly parts: readonly Part[]
  readonly keys: number
  readonly cacheBytes: number
  /** Starts of processes. */
  readonly rounds: number
  readonly cold: boolean
  readonly dir: string
}

function readOptions(args: readonly string[]): Options | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      keys: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '5' },
      'cache-mib': { type: 'string', default: '64' },
      cold: { type: 'boolean', default: false },
      dir: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const keys = Number(values.keys)
  const rounds = Number(values.rounds)
  const cacheBytes = Number(values['cache-mib']) * MIB
  const unknown = positionals.filter((name) => !PARTS.some((part) => part === name))
  if (values.help === true || unknown.length > 0 || !(keys >= SMALL_KEYS) || !(cacheBytes > 0) || !(rounds >= 1))
    return null
  const parts = positionals.length === 0 ? PARTS.slice(0, 3) : PARTS.filter((part) => positionals.includes(part))
  return { parts, keys, cacheBytes, rounds, cold: values.cold, dir: values.dir }
}

/** Prints the figures that the arguments ask for; returns the exit code. */
export async function stateFigures(args: readonly string[], print: Print): Promise<number> {
  const options = readOptions(args)
  if (options === null) {
    print(STATE_HELP)
    return args.includes('--help') || args.includes('-h') ? 0 : 2
  }
  print(`$ npm run bench -- state ${args.join(' ')}\n`)
  mkdirSync(options.dir, { recursive: true })
  const directory = mkdtempSync(join(resolve(options.dir), 'tidemark-state-'))
  const host = new CompactionHost({ bytesPerSecond: 0 })
  const compactor = new ThreadCompactor(host.port(), (error) => print(error.message))
  try {
    await measure(options, directory, { compactor, cacheBytes: options.cacheBytes }, print)
  } finally {
    compactor.close()
    await host.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return 0
}

async function measure(
  { parts, keys, cacheBytes, rounds, cold }: Options,
  directory: string,
  compaction: Compaction,
  print: Print,
): Promise<void> {
  const sizes = [keys, SMALL_KEYS]
  if (parts.includes('commit') || parts.includes('restart')) {
    const stores = sizes.map((count) => ({ directory: join(directory, `keys-${count}`), keys: count }))
    for (const store of stores) await make(store, compaction, print)
    if (parts.includes('restart')) await restartFigures(stores, { cold, cacheBytes, rounds }, print)
    if (parts.includes('commit')) await commitFigures(stores, compaction, print)
    // A merge that was given up may still be about to remove its file.
    for (const store of stores) rmSync(store.directory, { recursive: true, maxRetries: 10, retryDelay: 100 })
  }
  if (parts.includes('space')) await spaceFigures(join(directory, 'space'), keys, compaction, print)
  if (parts.includes('job')) {
    await jobFigures(
      sizes.map((count) => ({ directory: join(directory, `job-${count}`), keys: count })),
      rounds,
      print,
    )
  }
  if (parts.includes('ranges')) measureRanges(print)
  if (parts.includes('pauses')) pauses(keys, print)
}

async function make(
  store: { readonly directory: string; readonly keys: number },
  compaction: Compaction,
  print: Print,
): Promise<void> {
  const startMs = performance.now()
  const { directory, keys } = store
  const state = openState({ ...compaction, disk: nodeDisk, clock: systemClock, directory, flushBytes: 16 * MIB })
  await fill(state, systemClock, keys, VALUE_BYTES)
  const { files, bytes } = state.statistics().base
  state.close()
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  print(`made: ${keys.toLocaleString('en')} keys in ${files} files of ${(bytes / MIB).toFixed(1)} MiB, in ${seconds} s`)
}

/** A process of its own, so that nothing else is on its loop. */
function pauses(keys: number, print: Print): void {
  const records = Math.max(1_000_000, 4 * keys)
  const args = [join(import.meta.dirname, 'pauses.ts'), String(keys), String(records)]
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`pauses.ts ended with code ${String(status)}`)
  const result = JSON.parse(stdout) as Readonly<Record<string, number>>
  print(`delay of the event loop, 4 tasks, ${records.toLocaleString('en')} records, ${keys.toLocaleString('en')} keys`)
  print(bounded('  p99', result['p99Ms'] ?? Number.NaN, PAUSE_P99_MS, 'ms'))
  print(bounded('  max', result['maxMs'] ?? Number.NaN, PAUSE_MAX_MS, 'ms'))
  print(bounded('  CPU time of one turn, max', result['maxTurnCpuMs'] ?? Number.NaN, PAUSE_MAX_MS, 'ms'))
  print(`  ${stdout.trim()}`)
}

if (import.meta.main) process.exitCode = await stateFigures(process.argv.slice(2), (line) => console.log(line))
