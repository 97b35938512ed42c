import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { publishedManifest, type PackageManifest, type WorkspaceManifest } from './lib/package-manifest.ts'
import { ROOT } from './lib/paths.ts'

const HELP = `usage: npm run build -- [--stage DIR | --prepack | --postpack]

Compiles packages/tidemark to packages/tidemark/dist: JavaScript and declarations.

  --stage DIR   puts the package as it is published into DIR instead, ready for npm pack
  --prepack     compiles, and gives the package the package.json to publish; npm pack calls it
  --postpack    puts the package.json of the repository back; npm pack calls it
`

const PACKAGE = join(ROOT, 'packages', 'tidemark')
const MANIFEST = join(PACKAGE, 'package.json')
/** Ignored by git. Here while npm packs. */
const KEPT = join(PACKAGE, 'package.json.kept')
/** From the package's directory; package.json, README and LICENSE aside, this is all that is published. */
const PUBLISHED = ['bin', 'README.md', 'LICENSE']

function compile(outDir: string): boolean {
  rmSync(outDir, { recursive: true, force: true })
  const args = ['-p', join(PACKAGE, 'tsconfig.build.json'), '--outDir', outDir]
  const child = spawnSync('tsc', args, { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' })
  if (child.error !== undefined) console.error(child.error.message)
  return child.status === 0
}

function published(): string {
  const source = JSON.parse(readFileSync(MANIFEST, 'utf8')) as PackageManifest
  const workspace = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as WorkspaceManifest
  return `${JSON.stringify(publishedManifest(source, workspace), null, 2)}\n`
}

function stage(directory: string): boolean {
  mkdirSync(directory, { recursive: true })
  if (!compile(join(directory, 'dist'))) return false
  for (const name of PUBLISHED) cpSync(join(PACKAGE, name), join(directory, name), { recursive: true })
  writeFileSync(join(directory, 'package.json'), published())
  return true
}

function restore(): void {
  if (existsSync(KEPT)) renameSync(KEPT, MANIFEST)
}

function prepack(): boolean {
  restore()
  if (!compile(join(PACKAGE, 'dist'))) return false
  const text = published()
  cpSync(MANIFEST, KEPT)
  writeFileSync(MANIFEST, text)
  return true
}

function main(): number {
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
    restore()
    return 0
  }
  if (values.prepack === true) return prepack() ? 0 : 1
  if (values.stage !== undefined) return stage(resolve(values.stage)) ? 0 : 1
  return compile(join(PACKAGE, 'dist')) ? 0 : 1
}

process.exitCode = main()
