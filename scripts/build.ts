import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, type BuiltPackage, PACKAGES, TIDEMARK } from './lib/bundle.ts'
import { publishedText } from './lib/package-manifest.ts'
import { ROOT } from './lib/paths.ts'

const HELP = `usage: npm run build -- [--stage DIR | --prepack | --postpack]

Makes the dist of each package: JavaScript in few files (see scripts/lib/bundle.ts), and declarations of each module.

  --stage DIR   puts the packages as they are published into DIR/NAME instead, ready for npm pack
  --prepack     makes them, and gives the package of this directory the package.json to publish; npm pack calls it
  --postpack    puts the package.json of the repository back; npm pack calls it
`

/** Ignored by git. Here while npm packs. */
const KEPT = 'package.json.kept'
/** From the package's directory, where they are there; with package.json and dist this is all that is published. */
const PUBLISHED = ['bin', 'README.md', 'LICENSE']

/** Makes the dist of a package; `tidemark` is that of the core package, whose declarations the others' name. */
async function compile(pack: BuiltPackage, dist: string, tidemark: string): Promise<boolean> {
  rmSync(dist, { recursive: true, force: true })
  await bundle(pack, dist)
  const config = join(dist, 'tsconfig.json')
  writeFileSync(config, JSON.stringify(declarations(pack, dist, tidemark)))
  const child = spawnSync('tsc', ['-p', config], { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' })
  rmSync(config)
  if (child.error !== undefined) console.error(child.error.message)
  return child.status === 0
}

/** A configuration of `tsc` that makes declarations of a package alone: by others' declarations, not by their sources. */
function declarations(pack: BuiltPackage, dist: string, tidemark: string): object {
  const source = join(pack.directory, 'src')
  const paths = { tidemark: [join(tidemark, 'index.d.ts')], 'tidemark/*': [join(tidemark, '*.d.ts')] }
  return {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      rootDir: source,
      outDir: dist,
      declaration: true,
      emitDeclarationOnly: true,
      typeRoots: [join(ROOT, 'node_modules', '@types')],
      ...(pack === TIDEMARK ? {} : { paths }),
    },
    include: [source],
  }
}

async function stage(directory: string): Promise<boolean> {
  for (const pack of PACKAGES) {
    const into = join(directory, pack.name)
    mkdirSync(into, { recursive: true })
    if (!(await compile(pack, join(into, 'dist'), join(directory, TIDEMARK.name, 'dist')))) return false
    for (const name of PUBLISHED) {
      const from = join(pack.directory, name)
      if (existsSync(from)) cpSync(from, join(into, name), { recursive: true })
    }
    writeFileSync(join(into, 'package.json'), publishedText(pack.directory))
  }
  return true
}

function restore({ directory }: BuiltPackage): void {
  const kept = join(directory, KEPT)
  if (existsSync(kept)) renameSync(kept, join(directory, 'package.json'))
}

async function compileAll(): Promise<boolean> {
  for (const pack of PACKAGES) {
    if (!(await compile(pack, join(pack.directory, 'dist'), join(TIDEMARK.directory, 'dist')))) return false
  }
  return true
}

async function prepack(pack: BuiltPackage): Promise<boolean> {
  restore(pack)
  if (!(await compileAll())) return false
  const manifest = join(pack.directory, 'package.json')
  const text = publishedText(pack.directory)
  cpSync(manifest, join(pack.directory, KEPT))
  writeFileSync(manifest, text)
  return true
}

/** The package whose directory this is. */
function here(): BuiltPackage {
  const found = PACKAGES.find(({ directory }) => relative(directory, process.cwd()) === '')
  if (found === undefined) throw new Error(`${process.cwd()} is not the directory of a package`)
  return found
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      stage: { type: 'string' },
      prepack: { type: 'boolean' },
      postpack: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) {
    process.stdout.write(HELP)
    return 0
  }
  if (values.postpack === true) {
    restore(here())
    return 0
  }
  if (values.prepack === true) return (await prepack(here())) ? 0 : 1
  if (values.stage !== undefined) return (await stage(resolve(values.stage))) ? 0 : 1
  return (await compileAll()) ? 0 : 1
}

process.exitCode = await main()
