import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { type Engine, openEngine } from '../../src/engines/engine.ts'
import { openTaskBase, openTaskBaseForReading } from '../../src/engines/open-task-base.ts'
import type { EngineChoice } from '../../src/engines/placement.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import type { Base } from '../../src/store/types.ts'
import type { BaseUnderTest } from '../../src/testing/conformance-bench.ts'

/** Directories of the machine's disk, removed at the end of the file. */
export class Places {
  readonly root: string = mkdtempSync(join(tmpdir(), 'tidemark-engines-'))
  #made = 0

  place(): string {
    return join(this.root, String(++this.#made), 'state')
  }

  /** What a process that died now would leave: the files, while they are open. */
  copy(place: string): string {
    const target = this.place()
    cpSync(place, target, { recursive: true })
    return target
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

const CACHE_BYTES = 256 * 1024

export function underTest(engine: Engine, places: Places): BaseUnderTest {
  return {
    name: engine,
    place: () => places.place(),
    open: (directory, readOnly) =>
      openEngine(engine, {
        disk: nodeDisk,
        directory,
        cache: new BlockCache({ capacityBytes: CACHE_BYTES }),
        cacheBytes: CACHE_BYTES,
        readOnly,
      }),
    crash: (place) => places.copy(place),
  }
}

/** A task whose stores are kept by several engines. */
export function splitUnderTest(choice: EngineChoice, stores: readonly string[], places: Places): BaseUnderTest {
  return {
    name: `${choice.engine} with ${Object.entries(choice.stores).join(', ').replaceAll(',', ' in ')}`,
    place: () => places.place(),
    open: (directory, readOnly): Base | Promise<Base> => {
      const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
      const options = { disk: nodeDisk, directory, cache, cacheBytes: CACHE_BYTES }
      return readOnly ? openTaskBaseForReading(options) : openTaskBase({ ...options, choice, stores })
    },
    crash: (place) => places.copy(place),
  }
}
