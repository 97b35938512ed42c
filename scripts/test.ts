import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { builtEnvironment, builtPackages } from './lib/built-packages.ts'
import { PARTS, findTests, inProcesses, partOf, type Part } from './lib/test-files.ts'
import { warmCompileCache } from './lib/test-process.ts'
import { runTests } from './lib/test-run.ts'

const HELP = `usage: npm test -- [--part unit|property|integration]... [--except TEXT]... [--thorough] [FILTER]...

Runs the tests whose path contains a FILTER (all without one) and no TEXT: unit first, then property, then integration
and crash (with --thorough: every kill that crash tests know of). The last line is "N passed, N failed, N skipped". Exit code 1 if a test fails, is skipped without a reason, or none match.
`

const MOST_PROCESSES = 4
/** Of a part, in one process: two thirds of what a short file costs is loading. Properties take long, and are spread. */
const FILES_TOGETHER: Readonly<Record<Part, number>> = { unit: 8, property: 4, integration: 1 }
const FILE_TIMEOUT_MS = 420_000
const THOROUGH_TIMEOUT_MS = 3_600_000
/** For fewer files it is not worth its second. */
const WORTH_WARMING_FILES = 20

interface Options {
  readonly parts: readonly Part[]
  readonly filters: readonly string[]
  readonly except: readonly string[]
}

function readOptions(): Options | null {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      part: { type: 'string', multiple: true },
      except: { type: 'string', multiple: true },
      thorough: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return null
  if (values.thorough) process.env['THOROUGH_TESTS'] = '1'
  const wanted = values.part ?? PARTS
  for (const part of wanted) if (!PARTS.some((p) => p === part)) throw new Error(`no part ${part}: ${PARTS.join(', ')}`)
  return { parts: PARTS.filter((part) => wanted.includes(part)), filters: positionals, except: values.except ?? [] }
}

async function main(): Promise<number> {
  const options = readOptions()
  if (options === null) {
    process.stdout.write(HELP)
    return 0
  }
  const files = findTests(options.filters).filter(
    (path) => options.parts.includes(partOf(path)) && !options.except.some((text) => path.includes(text)),
  )
  if (files.length === 0) {
    console.log(`no test file matches ${options.filters.join(' ') || options.parts.join(', ')}`)
    return 1
  }
  const built = files.some((path) => partOf(path) === 'integration') ? builtEnvironment(await builtPackages()) : {}
  if (files.length >= WORTH_WARMING_FILES) warmCompileCache()
  const cores = Math.max(1, Math.min(MOST_PROCESSES, availableParallelism()))
  const total = { passed: 0, failed: 0, skipped: 0, kills: 0 }
  const faults: string[] = []
  for (const part of options.parts) {
    const mine = files.filter((path) => partOf(path) === part)
    if (mine.length === 0) continue
    const start = performance.now()
    console.log(`\n${part}: ${mine.length} files`)
    // Integration tests wait a lot: for disks, brokers and clocks. One more at a time keeps two cores busy.
    const concurrency = part === 'integration' ? Math.max(3, cores >> 1) : cores
    const fileTimeoutMs = process.env['THOROUGH_TESTS'] === '1' ? THOROUGH_TIMEOUT_MS : FILE_TIMEOUT_MS
    const runs = part === 'integration'
    // Memory that is free is overwritten: whoever still looks at it is found out (kafka/src/net/answer-memory.ts).
    const environment = runs ? { ...built, POISON_FREE_MEMORY: '1' } : {}
    const limits = { concurrency, fileTimeoutMs, countsKills: runs, environment }
    const groups = inProcesses(mine, FILES_TOGETHER[part])
    const result = await runTests(groups, limits, (line) => console.log(line))
    total.passed += result.passed
    total.failed += result.failed
    total.skipped += result.skipped
    total.kills += result.kills
    faults.push(...result.faults)
    console.log(`${part}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  }
  for (const fault of faults) console.log(`FAIL ${fault}`)
  if (total.kills > 0) console.log(`\n${total.kills} processes were killed with SIGKILL by the tests`)
  console.log(`\n${total.passed} passed, ${total.failed + faults.length} failed, ${total.skipped} skipped`)
  return total.failed === 0 && faults.length === 0 ? 0 : 1
}

process.exitCode = await main()
