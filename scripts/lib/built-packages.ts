import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundle, bundleScripts, entriesOf, PACKAGES, TIDEMARK } from './bundle.ts'
import { publishedText } from './package-manifest.ts'
import { findFiles, fromRoot, ROOT } from './paths.ts'

/** Not below node_modules: what is there takes itself for installed, not for a checkout. */
const BUILT = join(ROOT, '.built')
/** In the directory of a build: for each entry of a package, its source and what was built of it, as URLs. */
const ENTRIES = 'entries.json'
const OLD_MS = 3_600_000
/** Scripts that tests start many times, and that use single modules of the sources. */
const CHILDREN = [
  'packages/tidemark/test/checkpoint/fixtures/manager-life.ts',
  'packages/tidemark/test/engines/fixtures/crash-child.ts',
  'packages/tidemark/test/engines/fixtures/shadow-child.ts',
]

/**
 * The packages as they are published, without declarations, of the sources as they are now: the directory. Processes and
 * threads that tests start load these instead of the sources (see use-built.ts): the same code, in few files. Made once for
 * each state of the sources.
 */
export async function builtPackages(): Promise<string> {
  const directory = join(BUILT, fingerprint())
  if (existsSync(directory)) return directory
  dropOld()
  const making = `${directory}-${process.pid}`
  rmSync(making, { recursive: true, force: true })
  const urls: Record<string, string> = {}
  for (const pack of PACKAGES) {
    const into = (base: string): string => join(base, ...pack.name.split('/'))
    await bundle(pack, join(into(making), 'dist'))
    const bin = join(pack.directory, 'bin')
    if (existsSync(bin)) cpSync(bin, join(into(making), 'bin'), { recursive: true })
    writeFileSync(join(into(making), 'package.json'), publishedText(pack.directory))
    for (const entry of entriesOf(pack)) {
      const source = pathToFileURL(join(pack.directory, 'src', `${entry}.ts`)).href
      urls[source] = pathToFileURL(join(into(directory), 'dist', `${entry}.js`)).href
    }
  }
  const scripts = CHILDREN.map((path) => [basename(path, '.ts'), join(ROOT, path)] as const)
  await bundleScripts(TIDEMARK, Object.fromEntries(scripts), join(making, TIDEMARK.name, 'dist'))
  for (const [name, path] of scripts) {
    urls[pathToFileURL(path).href] = pathToFileURL(join(directory, TIDEMARK.name, 'dist', `${name}.js`)).href
  }
  writeFileSync(join(making, ENTRIES), JSON.stringify(urls))
  try {
    renameSync(making, directory)
  } catch (error) {
    // Another process may have been faster.
    rmSync(making, { recursive: true, force: true })
    if (!existsSync(directory)) throw error
  }
  return directory
}

/** What the environment of a test process says, so that what it starts loads built packages. */
export function builtEnvironment(directory: string): Readonly<Record<string, string>> {
  const hook = pathToFileURL(join(import.meta.dirname, 'use-built.ts')).href
  return {
    BUILT_PACKAGES: join(directory, ENTRIES),
    NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${hook}`.trim(),
  }
}

function fingerprint(): string {
  const hash = createHash('sha256')
  const sources = PACKAGES.flatMap(({ directory }) => [
    `${fromRoot(directory)}/src/**/*.ts`,
    `${fromRoot(directory)}/package.json`,
  ])
  for (const path of findFiles([
    ...sources,
    'packages/tidemark/test/**/fixtures/*.ts',
    'scripts/lib/bu*.ts',
    'package-lock.json',
  ])) {
    hash.update(`${path}\n`).update(readFileSync(join(ROOT, path)))
  }
  return hash.digest('hex').slice(0, 16)
}

/** Builds of sources that have changed since; a run that is under way may still use a young one. */
function dropOld(): void {
  if (!existsSync(BUILT)) return
  for (const name of readdirSync(BUILT)) {
    const path = join(BUILT, name)
    if (Date.now() - statSync(path).mtimeMs > OLD_MS) rmSync(path, { recursive: true, force: true })
  }
}
