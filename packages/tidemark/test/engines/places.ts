import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { openEngine } from '../../src/engines/engine.ts'
import { type Engine } from '../../src/engines/registry.ts'
import { openTaskBase, openTaskBaseForReading } from '../../src/engines/open-task-base.ts'
import type { EngineChoice } from '../../src/engines/placement.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import type { Base } from '../../src/store/types.ts'
import type { BaseUnderTest } from '../../src/testing/conformance-bench.ts'

const ORDER: readonly RegExp[] = [/\.log$/, /CURRENT$/, /MANIFEST/]

/** Journals, CURRENT, manifests, then all else. */
function rank(name: string): number {
  const found = ORDER.findIndex((pattern) => pattern.test(name))
  return found === -1 ? ORDER.length : found
}

function copyInOrder(from: string, to: string): void {
  const files = readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted((a, b) => rank(a) - rank(b))
  mkdirSync(to, { recursive: true })
  for (const file of files) {
    const target = join(to, relative(from, file))
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(file, target)
    // The manifest that it names may be newer than our list.
    if (!file.endsWith('CURRENT')) continue
    const manifest = readFileSync(target, 'utf8').trim()
    copyFileSync(join(dirname(file), manifest), join(dirname(target), manifest))
  }
  // Tables that came after our list, named by a manifest that we have just copied.
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    const target = join(to, relative(from, file))
    if (entry.isFile() && rank(file) === ORDER.length && !existsSync(target)) copyFileSync(file, target)
  }
}

/** Directories of the machine's disk, removed at the end of the file. */
export class Places {
  readonly root: string = mkdtempSync(join(tmpdir(), 'tidemark-engines-'))
  #made = 0

  place(): string {
    return join(this.root, String(++this.#made), 'state')
  }

  /**
   * What a process that died now would leave: the files, while they are open. The threads of an engine may go on
   * meanwhile, so the order of the copy has to be one in which any moment of theirs comes out whole (see
   * src/engines/reader-copy.ts), and a file that goes away means: start again.
   */
  copy(place: string): string {
    for (;;) {
      const target = this.place()
      try {
        copyInOrder(place, target)
        return target
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
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
        cache: new BlockCache({ capacityBytes: CACHE_BYTES, poisons: true }),
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
      const cache = new BlockCache({ capacityBytes: CACHE_BYTES, poisons: true })
      const options = { disk: nodeDisk, directory, cache, cacheBytes: CACHE_BYTES }
      return readOnly ? openTaskBaseForReading(options) : openTaskBase({ ...options, choice, stores })
    },
    crash: (place) => places.copy(place),
  }
}
