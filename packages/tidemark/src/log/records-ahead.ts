import { murmur2 } from '../hash/murmur2.ts'
import { PLACES, RecordCursor } from './record-cursor.ts'

/**
 * The next records of a batch, read before a cursor comes to them: where their parts are, and the hashes of their keys. A
 * cursor that is given them (`lead`) takes them from here, so that nothing is read twice.
 */
export class RecordsAhead {
  /** Records that are here. */
  count = 0
  readonly offsets: Float64Array
  readonly timestamps: Float64Array
  /** Of each record: its start and end, those of key and value (-1: null), where its headers start, how many they are. */
  readonly places: Int32Array
  /** murmur2 of the key; of a null key nothing in particular. */
  readonly keyHashes: Int32Array
  readonly #most: number
  readonly #cursor = new RecordCursor({ verify: false })

  constructor(most: number) {
    this.#most = most
    this.offsets = new Float64Array(most)
    this.timestamps = new Float64Array(most)
    this.places = new Int32Array(most * PLACES)
    this.keyHashes = new Int32Array(most)
  }

  /** Takes what `of` gives next, up to the end of its batch. */
  read(of: RecordCursor): void {
    const { places, offsets, timestamps, keyHashes } = this
    const cursor = this.#cursor
    cursor.follow(of)
    let count = 0
    try {
      for (let at = 0; count < this.#most && cursor.next(); count++, at += PLACES) {
        offsets[count] = cursor.offset
        timestamps[count] = cursor.timestamp
        places[at] = cursor.recordStart
        places[at + 1] = cursor.recordEnd
        places[at + 2] = cursor.keyStart
        places[at + 3] = cursor.keyEnd
        places[at + 4] = cursor.valueStart
        places[at + 5] = cursor.valueEnd
        places[at + 6] = cursor.headersStart
        places[at + 7] = cursor.headerCount
        if (cursor.keyEnd >= 0) keyHashes[count] = murmur2(cursor.bytes, cursor.keyStart, cursor.keyEnd)
      }
    } catch {
      // Damage: whoever reads the records meets it where it is.
    }
    this.count = count
  }
}
