import type { Disk } from '../disk/disk.ts'
import type { BlockCache } from '../lsm/block-cache.ts'
import type { LsmFailpoint } from '../lsm/failpoints.ts'
import { openLsmBase } from '../lsm/lsm-base.ts'
import type { Base } from '../store/types.ts'
import { openMemoryBase } from './memory.ts'

/** The storage engines there are: see design/01, "Engines beside it". */
export const ENGINES = ['lsm', 'memory'] as const

export type Engine = (typeof ENGINES)[number]

export interface OpenBaseOptions {
  readonly disk: Disk
  /** Of this base alone. Made when missing, unless read only. */
  readonly directory: string
  /** Blocks of the sorted files, shared by the bases of a thread; the engine `memory` needs none of it. */
  readonly cache: BlockCache
  /** For a reader beside the owner, in another thread or process. */
  readonly readOnly?: boolean
  /** Called at the steps named in LSM_FAILPOINTS, for crash tests. */
  readonly failpoint?: (name: LsmFailpoint) => void
}

/**
 * Opens the committed state in a directory with an engine. ERR_STATE_CORRUPT: a file is damaged or missing.
 * ERR_FORMAT_NEWER: a later version of Tidemark wrote it.
 */
export function openBase(engine: Engine, options: OpenBaseOptions): Base {
  return engine === 'memory' ? openMemoryBase(options) : openLsmBase(options)
}
