import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { basename, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { parseArgs } from 'node:util'
import { run } from 'mitata'
import { findFiles, ROOT } from '../scripts/lib/paths.ts'
import { stateFigures } from './state-figures.ts'

const HELP = `usage: npm run bench -- [--list] [--filter PATTERN] [--json FILE] [NAME]...

Runs the benchmarks of that name, all without one. NAME.bench.ts exports nameBench(), which registers benchmarks with
mitata; main-path.ts exports mainPath(), which measures end to end by itself and is run last, alone. PATTERN selects
benchmarks by regular expression, and cases of main-path by a part of their name.
Compare within one run only, as ratios. Nothing is written without --json.

       npm run bench -- state [--help]

Figures of large states: restarts, commits, space, pauses. Only when asked for.
`

/** The end-to-end run: no mitata, since one run takes seconds and is repeated by itself. */
const MAIN_PATH = 'main-path'
const BYTES_PER_GIB = 2 ** 30

type Setup = (only?: string | null) => unknown

interface Results {
  readonly machine: string
  readonly at: string
  readonly micro: readonly MicroResult[]
  readonly mainPath: unknown
}

interface MicroResult {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  /** Nanoseconds per call. */
  readonly p50: number | null
  readonly p99: number | null
  readonly error: string | null
}

/** Names of the files in bench/ that can be run, the end-to-end one last. */
function findNames(): string[] {
  const names = findFiles(['bench/*.bench.ts']).map((path) => basename(path, '.bench.ts'))
  return findFiles([`bench/${MAIN_PATH}.ts`]).length === 0 ? names : [...names, MAIN_PATH]
}

/** `window-store` exports windowStoreBench. */
async function load(name: string): Promise<Setup> {
  const file = name === MAIN_PATH ? `${name}.ts` : `${name}.bench.ts`
  const camel = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const wanted = name === MAIN_PATH ? camel : `${camel}Bench`
  const module = (await import(`./${file}`)) as Readonly<Record<string, unknown>>
  const setup = module[wanted]
  if (typeof setup !== 'function') throw new Error(`bench/${file} does not export ${wanted}()`)
  return setup as Setup
}

function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const memory = (totalmem() / BYTES_PER_GIB).toFixed(1)
  return `${model}, ${availableParallelism()} cores, ${memory} GiB, ${process.platform}-${process.arch}, Node ${process.version}`
}

async function runMicro(names: readonly string[], filter: RegExp): Promise<MicroResult[]> {
  if (names.length === 0) return []
  for (const name of names) {
    const setup = await load(name)
    await setup()
  }
  const { benchmarks } = await run({ filter, colors: isatty(1) })
  return benchmarks.flatMap((trial) =>
    trial.runs.map(({ name, args, stats, error }) => ({
      name,
      args,
      p50: stats?.p50 ?? null,
      p99: stats?.p99 ?? null,
      error: error === undefined ? null : error instanceof Error ? error.message : JSON.stringify(error),
    })),
  )
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: 'boolean' },
      filter: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const names = findNames()
  if (values.help === true || values.list === true) {
    console.log(values.help === true ? HELP : names.join('\n'))
    return 0
  }
  const unknown = positionals.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    console.log(`no benchmark ${unknown.join(', ')}; there are: ${names.join(', ')}`)
    return 2
  }
  const selected = positionals.length === 0 ? names : names.filter((name) => positionals.includes(name))
  const machine = describeMachine()
  console.log(`${machine}\n`)
  const micro = await runMicro(
    selected.filter((name) => name !== MAIN_PATH),
    new RegExp(values.filter ?? ''),
  )
  const mainPath = selected.includes(MAIN_PATH) ? await (await load(MAIN_PATH))(values.filter ?? null) : null
  if (mainPath !== null) console.table(mainPath)
  if (values.json !== undefined) {
    const results: Results = { machine, at: new Date().toISOString(), micro, mainPath }
    writeFileSync(resolve(process.env['INIT_CWD'] ?? ROOT, values.json), `${JSON.stringify(results, null, 2)}\n`)
  }
  const failed = micro.filter(({ error }) => error !== null)
  for (const { name, error } of failed) console.log(`FAIL ${name}: ${error}`)
  return failed.length === 0 ? 0 : 1
}

const [first, ...rest] = process.argv.slice(2)
process.exitCode = first === 'state' ? await stateFigures(rest, (line) => console.log(line)) : await main()
