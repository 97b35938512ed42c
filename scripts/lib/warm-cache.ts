import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { findFiles, ROOT } from './paths.ts'

/*
 * Loads the sources once, so that they lie stripped and compiled in the cache of Node (NODE_COMPILE_CACHE) when the test
 * processes come: a process keeps what it has compiled only when it ends by itself, which killed ones and threads do not.
 * Modules that are the first of a thread or a process, and act when they are loaded, are left out.
 */
const ENTRY = /(container-thread|log-thread|compaction-thread|-main|\/main|report-imports)\.ts$/

for (const path of findFiles(['packages/*/src/**/*.ts'])) {
  if (!ENTRY.test(path)) await import(pathToFileURL(join(ROOT, path)).href)
}
flushCompileCache()
