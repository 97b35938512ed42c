import { murmur2 } from '../hash/murmur2.ts'
import { openLsmBase } from '../lsm/lsm-base.ts'
import { runWaiting } from '../lsm/open-files.ts'
import type { Base, SortedCursor, SortedStore, StoreDescriptor } from '../store/types.ts'
import { enginesClosed } from './closing.ts'
import { openTaskBase, type TaskBaseOptions } from './open-task-base.ts'
import { type EngineChoice, FILES_PLACE, placeOf } from './placement.ts'

const ALL = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY } as const
/** Of one write: an engine may hold all of it in memory until the end. */
const BATCH_BYTES = 8 * 1024 * 1024
/** What an entry costs beside its bytes, roughly. */
const ENTRY_BYTES = 200

/** True if all of a task's state is in the sorted files of its own directory: then files need no import. */
export function keptInFiles(choice: EngineChoice, stores: readonly string[]): boolean {
  const engines = [choice.engine, ...stores.map((store) => choice.stores[store] ?? choice.engine)]
  return engines.every((engine) => placeOf(engine, choice) === FILES_PLACE)
}

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
  const { disk, from, cache, id, onBatch, batchBytes = BATCH_BYTES } = options
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
      for (const { name } of descriptors) {
        for (const batch of batchesOf(source, name, batchBytes)) {
          await runWaiting(target.write(target.id, descriptors, [batch]))
          onBatch()
        }
      }
      await finish(source, target, id, descriptors)
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

async function finish(source: Base, target: Base, id: number, descriptors: readonly StoreDescriptor[]): Promise<void> {
  for (const { name } of descriptors) {
    const beforeEndMs = source.expiredBefore?.(name) ?? null
    if (beforeEndMs !== null) target.expire?.(name, beforeEndMs)
  }
  await runWaiting(target.write(id, descriptors, []))
}

function* batchesOf(source: Base, name: string, batchBytes: number): Generator<SortedStore, void> {
  const entries = source.scan(name, ALL)
  try {
    let batch = new BatchCursor()
    while (entries.next()) {
      batch.add(entries.key, entries.valueBytes.slice(entries.valueStart, entries.valueEnd))
      if (batch.sizeBytes < batchBytes) continue
      yield { name, count: batch.count, cursor: batch }
      batch = new BatchCursor()
    }
    if (batch.count > 0) yield { name, count: batch.count, cursor: batch }
  } finally {
    entries.close()
  }
}

/** Entries in memory, as a base takes them. */
class BatchCursor implements SortedCursor {
  readonly present = true
  readonly keyStart = 0
  readonly valueStart = 0
  keyBytes: Uint8Array = new Uint8Array(0)
  valueBytes: Uint8Array = new Uint8Array(0)
  hash = 0
  sizeBytes = 0
  readonly #keys: Uint8Array[] = []
  readonly #values: Uint8Array[] = []
  #at = 0

  get count(): number {
    return this.#keys.length
  }

  /** The key is copied, the value is kept. */
  add(key: Uint8Array, value: Uint8Array): void {
    this.#keys.push(key.slice())
    this.#values.push(value)
    this.sizeBytes += key.length + value.length + ENTRY_BYTES
  }

  next(): boolean {
    const at = this.#at
    if (at >= this.#keys.length) return false
    this.#at = at + 1
    this.keyBytes = this.#keys[at] as Uint8Array
    this.valueBytes = this.#values[at] as Uint8Array
    this.hash = murmur2(this.keyBytes)
    return true
  }

  get keyEnd(): number {
    return this.keyBytes.length
  }

  get valueEnd(): number {
    return this.valueBytes.length
  }
}
