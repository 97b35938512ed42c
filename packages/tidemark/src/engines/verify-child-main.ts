import { nodeDisk } from '../disk/node-disk.ts'
import { TidemarkError, toWireError } from '../errors/error.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import type { Base } from '../store/types.ts'
import { openEngine } from './engine.ts'
import { NativeBase } from './native-base.ts'
import type { ChildAnswer, ChildReport } from './verify-child.ts'

const ALL = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY } as const
const CACHE_BYTES = 1024 * 1024
/** No entry takes less of a file: more of them than that are the same ones again. */
const LEAST_ENTRY_BYTES = 2

function countEntries(base: Base, store: string, most: number): number {
  const entries = base.scan(store, ALL)
  let count = 0
  try {
    while (entries.next()) {
      if (++count > most)
        throw new TidemarkError('ERR_STATE_CORRUPT', `store "${store}" has no end: its pages form a circle`)
    }
  } finally {
    entries.close()
  }
  return count
}

async function read(engine: string, directory: string): Promise<ChildReport> {
  const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
  const base = await openEngine(engine, { disk: nodeDisk, directory, cache, readOnly: true })
  try {
    const { files, bytes } = base.statistics()
    const failures: ChildReport['failures'][number][] = []
    let entries = 0
    for (const { name } of base.descriptors) {
      try {
        entries += countEntries(base, name, bytes / LEAST_ENTRY_BYTES)
      } catch (error) {
        failures.push({ store: name, error: toWireError(error) })
      }
    }
    if (failures.length === 0 && base instanceof NativeBase) base.verify()
    return { files, bytes, entries, checkpoints: [base.id], failures }
  } finally {
    base.close()
  }
}

const [engine, directory] = process.argv.slice(2) as [string, string]
const answer: ChildAnswer = await read(engine, directory).then(
  (report) => ({ report }),
  (error: unknown) => ({ error: toWireError(error) }),
)
process.send?.(answer, () => process.disconnect())
