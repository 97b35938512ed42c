import { murmur2 } from '../hash/murmur2.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import { RecordsAhead } from '../log/records-ahead.ts'
import type { Serde } from '../serde/serde.ts'
import { KeyList } from '../store/key-list.ts'
import { MOST_TOUCHED } from '../store/types.ts'

/** The keys of a batch of records, told to the operators before they get the records. */
export interface BatchKeys {
  readonly keys: KeyList
  /** Event time of the record with each key; null when it is known only once the value is decoded. */
  readonly times: readonly number[] | null
  readonly serde: Serde<unknown>
}

/** Reads the keys of a record batch ahead. */
export class KeysAhead implements BatchKeys {
  readonly keys: KeyList = new KeyList()
  readonly serde: Serde<unknown>
  readonly times: number[] | null
  readonly #cursor = new RecordCursor({ verify: false })

  constructor(serde: Serde<unknown>, timed: boolean) {
    this.serde = serde
    this.times = timed ? [] : null
  }

  /** Takes the keys of the batch that `at` is in. */
  read(at: RecordCursor): void {
    const { keys, times } = this
    const cursor = this.#cursor
    keys.clear()
    if (times !== null) times.length = 0
    cursor.reset(at.source, at.batchStart, at.batchEnd)
    if (!cursor.nextBatch()) return
    while (cursor.next()) {
      const { bytes, keyStart, keyEnd } = cursor
      if (keyEnd < 0) continue
      keys.add(bytes, keyStart, keyEnd, murmur2(bytes, keyStart, keyEnd))
      if (times !== null) times.push(cursor.timestamp)
    }
  }
}

/** The hashes of the keys of records that come next, told to the operators shortly before they get them. */
export class HashesAhead {
  readonly serde: Serde<unknown>
  readonly #records = new RecordsAhead(MOST_TOUCHED)

  constructor(serde: Serde<unknown>) {
    this.serde = serde
  }

  /** Of the records of its batch that `cursor` gives next, which it takes from here then. */
  read(cursor: RecordCursor): void {
    this.#records.read(cursor)
    cursor.lead(this.#records)
  }

  /** `count` of them; of a null key it is the hash of some key. */
  get hashes(): Int32Array {
    return this.#records.keyHashes
  }

  get count(): number {
    return this.#records.count
  }
}

/** One promise for several of which any may be null. */
export function bothOf(a: Promise<void> | null, b: Promise<void> | null): Promise<void> | null {
  if (a === null || b === null) return a ?? b
  return Promise.all([a, b]).then(() => undefined)
}
