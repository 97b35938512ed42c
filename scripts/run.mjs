// Plain JavaScript that any Node understands: checks the version, then runs scripts/NAME.ts with the arguments left.
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const LOWEST_MAJOR = 24
const scripts = dirname(fileURLToPath(import.meta.url))
const [name, ...rest] = process.argv.slice(2)

if (Number(process.versions.node.split('.')[0]) < LOWEST_MAJOR) {
  process.stderr.write(
    `This needs Node ${LOWEST_MAJOR} or later; this is ${process.versions.node} (${process.execPath}).\n` +
      `Use npm, whose PATH puts the Node of node_modules first: "npm ci", then "npm run ${name ?? 'test'}".\n` +
      `If npm says the same, there is no Node package for ${process.platform}-${process.arch}: install Node 24.\n`,
  )
  process.exitCode = 70
} else if (name === undefined) {
  process.stderr.write('usage: node scripts/run.mjs NAME [ARGUMENTS]\n')
  process.exitCode = 2
} else {
  // Children (tsc, biome, oxlint) are found where npm would find them, also without npm.
  process.env.PATH = join(scripts, '..', 'node_modules', '.bin') + delimiter + (process.env.PATH ?? '')
  const file = name.includes('/') ? join(scripts, '..', name) : join(scripts, name)
  process.argv = [process.argv[0], `${file}.ts`, ...rest]
  await import(pathToFileURL(`${file}.ts`).href)
}
