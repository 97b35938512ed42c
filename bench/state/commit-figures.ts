import { systemClock } from '../../packages/tidemark/src/clock/clock.ts'
import type { DiskFile } from '../../packages/tidemark/src/disk/disk.ts'
import { nodeDisk } from '../../packages/tidemark/src/disk/node-disk.ts'
import { seededRandom } from '../../packages/tidemark/src/hash/seeded-random.ts'
import { KEY_BYTES, writeKey } from '../../packages/tidemark/src/ops/bench-store/bench-keys.ts'
import type { TaskState } from '../../packages/tidemark/src/store/types.ts'
import { median } from '../long/samples.ts'
import { type Compaction, type Print, ratio } from './figures.ts'
import { finish, openState, STORE } from './open-state.ts'

const CHANGES = 10_000
const ROUNDS = 9
const GOAL = 2

/** Times of one commit, ms. */
interface CommitTimes {
  readonly freeze: number
  readonly delta: number
  readonly journal: number
  readonly merge: number
  readonly total: number
}

/** A store and what its commits have taken. */
interface Subject {
  readonly keys: number
  readonly state: TaskState
  readonly journal: DiskFile
  readonly random: () => number
  readonly times: CommitTimes[]
  bytes: number
  flushMs: number
}

/**
 * A commit of 10,000 changed keys in a large store and in a small one, in turns: all from `freeze` to the end of the merge
 * into what is committed, with the sync of the journal. The flush that follows now and then is timed apart.
 */
export async function commitFigures(
  stores: { readonly directory: string; readonly keys: number }[],
  compaction: Compaction,
  print: Print,
): Promise<void> {
  const subjects = stores.map(({ directory, keys }) => open(directory, keys, compaction))
  try {
    // The first round fills memtables of the same size and compiles; it does not count.
    for (let round = 0; round <= ROUNDS; round++) {
      // Which goes first alternates.
      const order = round % 2 === 0 ? subjects : [...subjects].reverse()
      for (const subject of order) {
        change(subject)
        const times = await commitOne(subject)
        if (round > 0) subject.times.push(times)
      }
    }
    for (const subject of subjects) await flush(subject)
    report(subjects, print)
  } finally {
    for (const { state, journal } of subjects) {
      journal.close()
      state.close()
    }
  }
}

function open(directory: string, keys: number, { compactor, cacheBytes }: Compaction): Subject {
  const flushBytes = 64 * 1024 * 1024
  const state = openState({ disk: nodeDisk, clock: systemClock, directory, compactor, cacheBytes, flushBytes })
  const journal = nodeDisk.open(`${directory}/journal`, 'create')
  return { keys, state, journal, random: seededRandom(5), times: [], bytes: 0, flushMs: 0 }
}

/** Changes 10,000 different keys that are there. */
function change({ state, keys, random }: Subject): void {
  const store = state.store(STORE)
  const key = new Uint8Array(KEY_BYTES)
  const value = new Uint8Array(100)
  const step = Math.max(1, Math.floor(keys / CHANGES))
  for (let i = 0; i < CHANGES; i++) {
    writeKey(key, 0, (i * step + Math.floor(random() * step)) % keys, false)
    for (let at = 0; at < value.length; at += 4) value[at] = Math.floor(random() * 256)
    store.put(key, 0, KEY_BYTES, value)
  }
}

async function commitOne(subject: Subject): Promise<CommitTimes> {
  const { state, journal } = subject
  const startMs = performance.now()
  const frozen = state.freeze(state.id + 1)
  const frozenMs = performance.now()
  const delta = await finish(state.delta(frozen))
  const encodedMs = performance.now()
  if (delta === null) throw new Error('there are changes')
  journal.write(delta, subject.bytes)
  subject.bytes += delta.length
  await journal.syncLater()
  const syncedMs = performance.now()
  await finish(state.commit(frozen))
  const endMs = performance.now()
  return {
    freeze: frozenMs - startMs,
    delta: encodedMs - frozenMs,
    journal: syncedMs - encodedMs,
    merge: endMs - syncedMs,
    total: endMs - startMs,
  }
}

async function flush(subject: Subject): Promise<void> {
  const startMs = performance.now()
  await finish(subject.state.flush())
  subject.flushMs = performance.now() - startMs
}

function report([large, small]: readonly Subject[], print: Print): void {
  if (large === undefined || small === undefined) throw new Error('two stores are compared')
  const of = (subject: Subject, part: keyof CommitTimes): number => median(subject.times.map((times) => times[part]))
  const sizes = `${large.keys.toLocaleString('en')} keys against ${small.keys.toLocaleString('en')}`
  print(`commit of ${CHANGES.toLocaleString('en')} changed keys, ${sizes}, median of ${ROUNDS}`)
  print(ratio('  whole commit', of(large, 'total'), of(small, 'total'), 'ms', GOAL))
  for (const part of ['freeze', 'delta', 'journal', 'merge'] as const) {
    print(ratio(`  ${part}`, of(large, part), of(small, part), 'ms', null))
  }
  const changed = `${ROUNDS + 1} commits: ${(CHANGES * (ROUNDS + 1)).toLocaleString('en')} changes of as many keys, or of ${CHANGES.toLocaleString('en')}`
  print(ratio(`  flush of ${changed}`, large.flushMs, small.flushMs, 'ms', null))
}
