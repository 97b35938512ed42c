import { readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { type Plugin, rolldown } from 'rolldown'
import { findFiles, posix, ROOT } from './paths.ts'

const SOURCE = /^\.\/src\/(.*)\.ts$/
/** How sources name a module that is the first of a thread or a process: one that is loaded by its place. */
const LOADED_BY_PLACE = /'(\.\/[\w-]+)\.js'/g
/** Stands for the place of a module until it is known in which file its code is. */
const PLACE = /__TIDEMARK_PLACE__\("([^"]+)"\)/g
/** Everything but the command line, whose libraries no thread needs. */
const CORE = /^(?!cli\/)/

/** A package that is published. */
export interface BuiltPackage {
  readonly name: string
  /** Absolute. */
  readonly directory: string
  /** Modules that are loaded by their place, beside those that the package exports: from `src`, without an extension. */
  readonly first: readonly string[]
}

export const TIDEMARK: BuiltPackage = {
  name: 'tidemark',
  directory: join(ROOT, 'packages', 'tidemark'),
  first: [
    'cli/dev/report-imports',
    'cli/main',
    'engines/engine-thread-main',
    'engines/verify-child-main',
    'log/embedded/log-thread',
    'lsm/compaction-thread',
    'runtime/container-thread',
  ],
}

export const PACKAGES: readonly BuiltPackage[] = [
  TIDEMARK,
  { name: '@tidemark/kafka', directory: join(ROOT, 'packages', 'kafka'), first: ['port/open-port'] },
]

/** The modules of a package that others load by name or place: from `src`, without an extension. */
export function entriesOf({ directory, first }: BuiltPackage): string[] {
  const { exports } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, unknown>>
  }
  const exported = Object.values(exports).flatMap((target) => SOURCE.exec(String(target))?.[1] ?? [])
  return [...new Set([...exported, ...first])].toSorted()
}

/**
 * Writes the JavaScript of a package to `outDir`: the entries where the sources have them, and what they share in one
 * file. A thread that loads three hundred modules takes several times as long to start as one that loads two
 * (docs/internals/performance.md). Not minified: stacks are read.
 */
export async function bundle(pack: BuiltPackage, outDir: string): Promise<void> {
  const source = join(pack.directory, 'src')
  const entries = entriesOf(pack)
  checkFirst(source, entries)
  const inputs = entries.map((entry) => [entry, join(source, `${entry}.ts`)] as const)
  await bundleScripts(pack, Object.fromEntries(inputs), outDir)
}

/** Writes scripts that use single modules of a package beside what `bundle` has written there: `NAME.js` of each. */
export async function bundleScripts(
  pack: BuiltPackage,
  input: Readonly<Record<string, string>>,
  dir: string,
): Promise<void> {
  const fromSource = (file: string): string => posix(relative(join(pack.directory, 'src'), file))
  const built = await rolldown({
    input: { ...input },
    platform: 'node',
    external: (name) => !name.startsWith('.') && !isAbsolute(name),
    plugins: [ownPlace(fromSource)],
    onLog: (_level, log) => {
      throw new Error(`${pack.name} cannot be bundled: ${log.message}`)
    },
  })
  const inCore = (file: string): boolean => isAbsolute(file) && CORE.test(fromSource(file))
  await built.write({
    dir,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    codeSplitting: { groups: [{ name: 'core', minShareCount: 2, test: inCore }] },
  })
  await built.close()
}

/** Code moves to other files: a module that asks for its place is told where the sources have it. */
function ownPlace(fromSource: (file: string) => string): Plugin {
  return {
    name: 'own-place',
    transform(code, file) {
      if (!code.includes('import.meta.url')) return null
      const place = fromSource(file).replace(/\.ts$/, '.js')
      return { code: code.replaceAll('import.meta.url', `__TIDEMARK_PLACE__("${place}")`), map: null }
    },
    renderChunk(code, { fileName }) {
      const url = (place: string): string => {
        const path = posix(relative(dirname(fileName), place))
        return `new URL(${JSON.stringify(path)}, import.meta.url).href`
      }
      return { code: code.replace(PLACE, (_, place: string) => url(place)), map: null }
    },
  }
}

/** A thread whose first module is not among the entries would start in the repository, and nowhere else. */
function checkFirst(source: string, entries: readonly string[]): void {
  for (const path of findFiles([`${posix(relative(ROOT, source))}/**/*.ts`])) {
    const text = readFileSync(join(ROOT, path), 'utf8')
    if (!text.includes('import.meta.url.endsWith')) continue
    for (const [, name] of text.matchAll(LOADED_BY_PLACE)) {
      const entry = posix(relative(source, join(ROOT, dirname(path), name ?? '')))
      if (!entries.includes(entry))
        throw new Error(`${path} loads ${name}.js, which scripts/lib/bundle.ts does not name`)
    }
  }
}
