import type { IteratorSources, LayeredIterator } from './layered-iterator.ts'

/**
 * Finds iterators that were dropped without being closed or exhausted: they pin files and old values. Releases what they
 * pin and tells. For development: it costs some hundred nanoseconds an iterator, and acts when the garbage collector
 * gets there.
 */
export function watchForLeaks(onLeak: (store: string) => void): (iterator: LayeredIterator, store: string) => void {
  const registry = new FinalizationRegistry<{ readonly store: string; readonly sources: IteratorSources }>((leaked) => {
    if (leaked.sources.close()) onLeak(leaked.store)
  })
  return (iterator, store) => registry.register(iterator, { store, sources: iterator.sources })
}
