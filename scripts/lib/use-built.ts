import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/*
 * Loaded before the processes and threads of integration tests (built-packages.ts): where one would load an entry of a
 * package from the sources, it loads what was built of it. Not in a test file's own thread, which has to do with single
 * modules of the sources too: a class must not be there twice.
 */
const entries = process.env['BUILT_PACKAGES']
const isTestFile = isMainThread && /(\.test|\/import-files)\.ts$/.test(process.argv[1]?.replaceAll('\\', '/') ?? '')

if (entries !== undefined && !isTestFile) {
  const built = JSON.parse(readFileSync(entries, 'utf8')) as Readonly<Record<string, string>>
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context)
      const instead = built[resolved.url]
      return instead === undefined ? resolved : { ...resolved, url: instead, format: 'module', shortCircuit: true }
    },
  })
}
