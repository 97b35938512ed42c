import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TidemarkError } from '../errors/error.ts'
import type { CliContext, Options } from './context.ts'
import { toJson } from './format.ts'
import { shorten } from './import-module.ts'
import { projectFiles } from './project-files.ts'
import { packageRoot, version } from './version.ts'

/** `tidemark init`: all the files, or none when one of them is there already (ERR_INIT_EXISTS). */
export async function initProject(directory: string, options: Options, context: CliContext): Promise<void> {
  const { terminal } = context
  const root = resolve(context.cwd, directory)
  const files = projectFiles(packageName(root), version())
  for (const name of Object.keys(files)) {
    if (!existsSync(join(root, name))) continue
    const message = `${join(root, name)} is there already, and init overwrites nothing. Choose another directory.`
    throw new TidemarkError('ERR_INIT_EXISTS', message, { details: { file: join(root, name) } })
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    // wx: should the file appear meanwhile, it is not overwritten either.
    writeFileSync(join(root, name), text, { flag: 'wx' })
  }
  const linked = linkPackage(root)
  if (options['json'] === true) {
    await terminal.print(toJson({ directory: root, files: Object.keys(files), linked }))
    return
  }
  const lines = [`Wrote ${Object.keys(files).length} files to ${root}:`]
  for (const name of Object.keys(files)) lines.push(`  ${name}`)
  if (linked !== null) lines.push(`and linked node_modules/tidemark to ${linked}, so that it runs at once.`)
  lines.push('', 'Next:')
  if (root !== context.cwd) lines.push(`  cd ${shorten(root)}`)
  if (linked === null && !canResolve(root)) lines.push('  npm install')
  lines.push('  npm start', '  npm test')
  await terminal.print(lines.join('\n'))
}

function packageName(root: string): string {
  const name = basename(root)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '')
  return name === '' ? 'my-job' : name
}

function canResolve(root: string): boolean {
  try {
    createRequire(join(root, 'package.json')).resolve('tidemark/package.json')
    return true
  } catch {
    return false
  }
}

/**
 * From a checkout of Tidemark (not an installed copy), links it into the project, as `npm link` does, unless it is found
 * already. Returns where it links to, null when there was no need or it is not a checkout.
 */
function linkPackage(root: string): string | null {
  const own = fileURLToPath(packageRoot).replace(/[\\/]$/, '')
  if (own.split(/[\\/]/).includes('node_modules') || canResolve(root)) return null
  const modules = join(root, 'node_modules')
  if (existsSync(join(modules, 'tidemark'))) return null
  mkdirSync(join(modules, '.bin'), { recursive: true })
  symlinkSync(own, join(modules, 'tidemark'), 'junction')
  if (process.platform === 'win32') return own
  const command = join(modules, '.bin', 'tidemark')
  if (!existsSync(command)) symlinkSync('../tidemark/bin/tidemark.mjs', command)
  // As an installed package brings a Node along, so that npm's scripts have it where the machine's own is older.
  const node = join(modules, '.bin', 'node')
  if (!existsSync(node)) symlinkSync(process.execPath, node)
  return own
}
