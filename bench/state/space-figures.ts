import { systemClock } from '../../packages/tidemark/src/clock/clock.ts'
import { nodeDisk } from '../../packages/tidemark/src/disk/node-disk.ts'
import { seededRandom } from '../../packages/tidemark/src/hash/seeded-random.ts'
import { KEY_BYTES, writeKey } from '../../packages/tidemark/src/ops/bench-store/bench-keys.ts'
import { bounded, type Compaction, number, type Print } from './figures.ts'
import { commit, fill, openState, settle, STORE } from './open-state.ts'

const CHURN = 5
const VALUE_BYTES = 100
const KEYS_PER_COMMIT = 10_000
const GOAL = 2

/** Overwrites random keys, five times as many as there are, and tells what the files take for each live byte. */
export async function spaceFigures(
  directory: string,
  keys: number,
  compaction: Compaction,
  print: Print,
): Promise<void> {
  const state = openState({
    ...compaction,
    disk: nodeDisk,
    clock: systemClock,
    directory,
    flushBytes: 16 * 1024 * 1024,
  })
  try {
    await fill(state, systemClock, keys, VALUE_BYTES)
    const store = state.store(STORE)
    const live = keys * (KEY_BYTES + VALUE_BYTES)
    const random = seededRandom(11)
    const key = new Uint8Array(KEY_BYTES)
    const value = new Uint8Array(VALUE_BYTES)
    const before = state.statistics().base.writes
    let namedMost = 0
    let diskMost = 0
    for (let i = 1; i <= keys * CHURN; i++) {
      writeKey(key, 0, Math.floor(random() * keys), false)
      for (let at = 0; at < VALUE_BYTES; at++) value[at] = (i * (at + 7)) >>> (at & 15)
      store.put(key, 0, KEY_BYTES, value)
      if (i % KEYS_PER_COMMIT !== 0) continue
      await commit(state, systemClock)
      namedMost = Math.max(namedMost, state.statistics().baseBytes)
      diskMost = Math.max(diskMost, bytesIn(`${directory}/state`))
    }
    await commit(state, systemClock)
    await settle(state, systemClock)
    const { files, bytes, writes } = state.statistics().base
    print(
      `space after overwriting ${keys.toLocaleString('en')} keys ${CHURN} times over, against keys and values that live`,
    )
    print(bounded('  after it, no merge in flight', bytes / live, GOAL, 'x'))
    print(`  files in the manifest, at most meanwhile: ${number(namedMost / live)} x`)
    print(`  on the disk with merges in flight, at most meanwhile: ${number(diskMost / live)} x`)
    const flushed = (writes?.flushedBytes ?? 0) - (before?.flushedBytes ?? 0)
    const merged = (writes?.compactedBytes ?? 0) - (before?.compactedBytes ?? 0)
    print(`  bytes written for each byte flushed: ${number((flushed + merged) / flushed)}; files in the end: ${files}`)
  } finally {
    state.close()
  }
}

function bytesIn(directory: string): number {
  let sum = 0
  for (const name of nodeDisk.list(directory)) {
    const path = `${directory}/${name}`
    // The compaction thread removes files meanwhile.
    if (nodeDisk.exists(path)) sum += nodeDisk.size(path)
  }
  return sum
}
