import { openLsmBase } from '../lsm/lsm-base.ts'
import { enginesClosed } from './closing.ts'
import { copyStores } from './copy-stores.ts'
import { openTaskBase, type TaskBaseOptions } from './open-task-base.ts'

export interface ImportFilesOptions extends Omit<TaskBaseOptions, 'failpoint'> {
  /** A directory with sorted files and their manifest: the state to import. */
  readonly from: string
  /** The checkpoint that it becomes the state of. */
  readonly id: number
  /** Called after each write but the last, for crash tests. */
  readonly onBatch: () => void
  /** Bytes of a write (default 8 MiB). */
  readonly batchBytes?: number
}

/**
 * Writes the state in sorted files into the engines that are to keep it, in a state directory that is empty. Memory is
 * bounded: entries are written some MiB at a time, as the state of no checkpoint; the last write, of nothing, makes it the
 * state of `id`. Before that the directory holds no state (C8): import again into an empty one. All is closed afterwards,
 * so that another thread can open it. Errors as `openTaskBase` and as a write of the engine.
 */
export async function importFiles(options: ImportFilesOptions): Promise<void> {
  const { disk, from, cache, id, onBatch, batchBytes } = options
  const source = openLsmBase({ disk, directory: from, cache, readOnly: true })
  try {
    const { descriptors } = source
    const stores = [...new Set([...options.stores, ...descriptors.map(({ name }) => name)])]
    const { choice } = options
    // Generations of a store are kept where the store is.
    const own = descriptors.map((each) => [each.name, choice.stores[each.of ?? each.name] ?? choice.engine] as const)
    const placed = { engine: choice.engine, stores: { ...choice.stores, ...Object.fromEntries(own) } }
    const target = await openTaskBase({ ...withoutImport(options), choice: placed, stores })
    try {
      const size = batchBytes === undefined ? {} : { batchBytes }
      await copyStores({ source, target, descriptors, id, onBatch, ...size })
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
  await enginesClosed()
}

function withoutImport({
  disk,
  directory,
  cache,
  cacheBytes,
  clock,
  choice,
  stores,
}: ImportFilesOptions): TaskBaseOptions {
  return {
    disk,
    directory,
    cache,
    choice,
    stores,
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
    ...(clock === undefined ? {} : { clock }),
  }
}
