import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { ROOT } from './lib/paths.ts'

const HELP = `usage: npm run verify -- [--keep-going] [STEP]...

Everything that can be checked in about a minute. Stops at the first step that fails, unless told to keep going.
`

/** A check: a command with its arguments. Commands of node_modules are found by name. */
interface Step {
  readonly name: string
  readonly command: readonly string[]
}

const NODE = process.execPath
const SUITE = [NODE, 'scripts/run.mjs', 'test', '--part', 'unit']

const STEPS: readonly Step[] = [
  { name: 'typecheck', command: ['tsc', '--noEmit'] },
  { name: 'types-5.9', command: [NODE, 'node_modules/typescript-5.9/lib/tsc.js', '--noEmit'] },
  { name: 'format', command: ['biome', 'format', '.'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'errors', command: [NODE, 'scripts/run.mjs', 'gen-errors', '--check'] },
  { name: 'tidy', command: [...SUITE, '--part', 'integration', 'test/tidy/rules', 'test/tidy/public-types'] },
  { name: 'docs', command: [...SUITE, 'test/docs/'] },
  { name: 'unit', command: [...SUITE, '--except', 'test/tidy/', '--except', 'test/docs/'] },
]

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}

/** Runs one step with its output hidden unless it fails; tells whether it passed. */
function runStep(step: Step): boolean {
  const start = performance.now()
  const [command = '', ...rest] = step.command
  // npm's shims on Windows are scripts: they need a shell. Nothing here comes from outside.
  const shell = process.platform === 'win32' && command !== NODE
  const child = spawnSync(command, rest, { cwd: ROOT, encoding: 'utf8', shell, maxBuffer: 1 << 28 })
  const passed = child.status === 0
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${step.name.padEnd(10)} ${seconds(start)}${closing(child.stdout)}`)
  if (passed) return true
  if (child.error !== undefined) console.log(`  ${child.error.message}`)
  console.log(`$ ${step.command.join(' ')}\n${child.stdout}${child.stderr}`)
  return false
}

/** The closing line of a test step, to be seen without its output. */
function closing(output: string | null): string {
  const line = output?.match(/^\d+ passed, \d+ failed, \d+ skipped$/m)?.[0]
  return line === undefined ? '' : `  ${line}`
}

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'keep-going': { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help === true) {
    console.log(`${HELP}\nsteps: ${STEPS.map((step) => step.name).join(', ')}`)
    return 0
  }
  for (const name of positionals) if (!STEPS.some((step) => step.name === name)) throw new Error(`no step ${name}`)
  const start = performance.now()
  let failed = 0
  for (const step of STEPS) {
    if (positionals.length > 0 && !positionals.includes(step.name)) continue
    if (runStep(step)) continue
    failed++
    if (values['keep-going'] !== true) break
  }
  console.log(`${failed === 0 ? 'verified' : 'not verified'} in ${seconds(start)}`)
  return failed === 0 ? 0 : 1
}

process.exitCode = main()
