import type { Disk } from '../disk/disk.ts'
import type { Steps } from '../store/types.ts'
import { BlockCache } from './block-cache.ts'
import {
  asError,
  type CompactionHandle,
  type CompactionResult,
  type CompactionTask,
  compactFiles,
  type Compactor,
} from './compaction.ts'
import type { LsmFailpoint } from './failpoints.ts'
import { fileName } from './manifest.ts'

/** Blocks are read once and past the cache; what it holds is of the filters of older files. */
const CACHE_BYTES = 1024 * 1024

/**
 * A compactor whose work is done in steps by whoever asked for it: for simulation, tests, and state that is opened alone.
 * The same calls on the same disk give the same files.
 */
export function inlineCompactor(disk: Disk, failpoint: (name: LsmFailpoint) => void): Compactor {
  return {
    compact(task: CompactionTask, done: (result: CompactionResult) => void): CompactionHandle {
      const steps = work(disk, task, failpoint, done)
      return { steps, cancel: () => void steps.return() }
    },
  }
}

function* work(
  disk: Disk,
  task: CompactionTask,
  failpoint: (name: LsmFailpoint) => void,
  done: (result: CompactionResult) => void,
): Steps {
  const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
  let result: CompactionResult
  try {
    const file = yield* compactFiles({ disk, cache, task, name: fileName(task.number), failpoint })
    result = { file, error: null }
  } catch (error) {
    result = { file: null, error: asError(error) }
  }
  done(result)
}
