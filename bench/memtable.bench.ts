import { bench, do_not_optimize, group } from 'mitata'
import { murmur2 } from '../packages/tidemark/src/hash/murmur2.ts'
import { string } from '../packages/tidemark/src/serde/string.ts'
import { uint } from '../packages/tidemark/src/serde/uint.ts'
import { ByteMap } from '../packages/tidemark/src/store/byte-map.ts'
import { KeyValueStore } from '../packages/tidemark/src/store/kv-store.ts'
import { openTaskState } from '../packages/tidemark/src/store/open.ts'
import type { RawStore, StoreSpec } from '../packages/tidemark/src/store/types.ts'
import { emptyBase } from './empty-base.ts'

const COUNTS = [100_000, 4_000_000]
const KEY_BYTES = 12
/** Record keys in random order, back to back, as in a batch; the benchmarks go round. */
const RECORDS = 1 << 18
const MANY = 4_000_000

function keyOf(number: number): string {
  return `user-${String(number).padStart(7, '0')}`
}

/** Keys of records: which keys come is random, where their bytes stand is not. */
class Records {
  readonly bytes: Buffer = Buffer.alloc(RECORDS * KEY_BYTES)
  readonly keys: string[] = []
  #at = 0

  constructor(count: number) {
    let random = 12_345
    for (let i = 0; i < RECORDS; i++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
      const key = keyOf(Math.floor((random / 2 ** 32) * count))
      this.bytes.write(key, i * KEY_BYTES, 'latin1')
      this.keys.push(key)
    }
  }

  /** Where the next record's key begins. */
  next(): number {
    this.#at = (this.#at + 1) & (RECORDS - 1)
    return this.#at * KEY_BYTES
  }
}

function filledMap(count: number): ByteMap {
  const map = new ByteMap()
  const key = Buffer.alloc(KEY_BYTES)
  for (let i = 0; i < count; i++) {
    key.write(keyOf(i), 0, 'latin1')
    map.insert(key, 0, KEY_BYTES, murmur2(key), 0, 0, 0)
  }
  return map
}

function filledStrings(count: number): Map<string, number> {
  const map = new Map<string, number>()
  for (let i = 0; i < count; i++) map.set(keyOf(i), 0)
  return map
}

function counts(): RawStore {
  const spec = { name: 'counts', kind: 'kv', key: string(), value: uint(), retentionMs: null, windowSizeMs: null }
  const state = openTaskState({
    task: 'bench',
    specs: [spec as unknown as StoreSpec],
    base: emptyBase(),
    deltas: [],
    id: 0,
  })
  return state.store('counts')
}

function countByKey(count: number): void {
  const records = new Records(count)
  const { bytes, keys } = records
  const map = filledMap(count)
  bench(`ByteMap, ${count} keys`, () => {
    const at = records.next()
    const entry = map.find(bytes, at, at + KEY_BYTES, murmur2(bytes, at, at + KEY_BYTES))
    map.setAt(entry, (map.valueAt(entry) as number) + 1, 0, 0)
  })
  // The fastest way to a string: the declarations of Node do not have it.
  const sliced = bytes as unknown as { latin1Slice(start: number, end: number): string }
  const strings = filledStrings(count)
  bench(`Map of strings, ${count} keys`, () => {
    const at = records.next()
    const key = sliced.latin1Slice(at, at + KEY_BYTES)
    strings.set(key, (strings.get(key) as number) + 1)
  })
  const raw = counts()
  bench(`RawStore.locate and replace, ${count} keys`, () => {
    const at = records.next()
    raw.replace(raw.locate(bytes, at, at + KEY_BYTES) ? (raw.current() as number) + 1 : 1)
  })
  const store = new KeyValueStore<string, number>(counts())
  bench(`KeyValueStore.get and put, ${count} keys`, () => {
    const key = keys[records.next() / KEY_BYTES] as string
    store.put(key, (store.get(key) ?? 0) + 1)
  })
}

function growth(): void {
  const key = Buffer.alloc(KEY_BYTES)
  key.write('user', 0, 'latin1')
  let map = new ByteMap()
  let inserted = 0
  bench('ByteMap insert, growing to 4 M keys (p99 and max: no rehash stops it)', () => {
    if (inserted++ === MANY) {
      map = new ByteMap()
      inserted = 1
    }
    key.writeUInt32LE(inserted, 4)
    do_not_optimize(map.insert(key, 0, KEY_BYTES, murmur2(key), inserted, 0, 0))
  })
}

/** The memtable: counting by key (a get and a put of a key that is there), against a Map of strings made of the bytes. */
export function memtableBench(): void {
  for (const count of COUNTS) group(`count by key, ${count} keys`, () => countByKey(count))
  group('growth', growth)
}
