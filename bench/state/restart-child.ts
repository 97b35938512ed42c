import { systemClock } from '../../packages/tidemark/src/clock/clock.ts'
import { nodeDisk } from '../../packages/tidemark/src/disk/node-disk.ts'
import { seededRandom } from '../../packages/tidemark/src/hash/seeded-random.ts'
import { CompactionHost } from '../../packages/tidemark/src/lsm/compaction-host.ts'
import { ThreadCompactor } from '../../packages/tidemark/src/lsm/thread-compactor.ts'
import { KEY_BYTES, writeKey } from '../../packages/tidemark/src/ops/bench-store/bench-keys.ts'
import type { RawStore } from '../../packages/tidemark/src/store/types.ts'
import { CountingDisk } from '../../packages/tidemark/test/lsm/counting-disk.ts'
import { openState, STORE } from './open-state.ts'

/* Opens a state and reads a key, as a process that starts again does. Arguments: directory, keys, bytes of the caches. */

export interface RestartReport {
  /** From the start of the process to the first answer, by the clock of who started it. */
  readonly answeredMs: number
  readonly openMs: number
  readonly getMs: number
  readonly openBytes: number
  readonly getBytes: number
  readonly stateBytes: number
  readonly startRss: number
  readonly openedRss: number
  readonly readRss: number
}

const [, , directory = '', keysText = '', cacheText = ''] = process.argv
const keys = Number(keysText)
/** So many fill the caches of a large state. */
const gets = Math.min(300_000, keys)
const counting = new CountingDisk(nodeDisk)
const host = new CompactionHost({ bytesPerSecond: 0 })
const compactor = new ThreadCompactor(host.port(), (error) => process.stderr.write(`${error.message}\n`))

function read(store: RawStore, count: number, random: () => number): void {
  const key = new Uint8Array(KEY_BYTES)
  for (let i = 0; i < count; i++) {
    writeKey(key, 0, Math.floor(random() * keys), false)
    if (store.get(key, 0, KEY_BYTES) === undefined) throw new Error('a key is missing')
  }
}

const startRss = process.memoryUsage.rss()
const startMs = performance.now()
const state = openState({
  disk: counting.disk,
  clock: systemClock,
  directory,
  compactor,
  cacheBytes: Number(cacheText),
  flushBytes: 16 * 1024 * 1024,
})
const openMs = performance.now() - startMs
const openBytes = counting.bytes
const random = seededRandom(9)
read(state.store(STORE), 1, random)
const getMs = performance.now() - startMs - openMs
process.stdout.write('answered\n')
const getBytes = counting.bytes - openBytes
const openedRss = process.memoryUsage.rss()
read(state.store(STORE), gets, random)
const report: RestartReport = {
  answeredMs: 0,
  openMs,
  getMs,
  openBytes,
  getBytes,
  stateBytes: state.statistics().baseBytes,
  startRss,
  openedRss,
  readRss: process.memoryUsage.rss(),
}
state.close()
compactor.close()
await host.close()
process.stdout.write(`${JSON.stringify(report)}\n`)
