import { registerHooks } from 'node:module'

/*
 * Loaded before the CLI in a child of `tidemark dev`: tells the parent of every file that is imported and is not of a
 * package, so that it can watch them.
 */
registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context)
    const own = resolved.url.startsWith(new URL('../../../', import.meta.url).href)
    if (resolved.url.startsWith('file:') && !resolved.url.includes('/node_modules/') && !own) {
      process.send?.({ imported: resolved.url })
    }
    return resolved
  },
})
