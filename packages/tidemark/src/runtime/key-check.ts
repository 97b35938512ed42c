import type { StreamDef } from '../api/stream.ts'
import { TidemarkError } from '../errors/error.ts'
import { isAnywhere, PARTITIONER_NAMES, type PartitionerName, type Place, placeBy } from '../hash/partitioners.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import { hexOf, showValue } from '../serde/hex.ts'

/** So many records with keys are looked at first, one by one. */
const FIRST = 1000
/** And then one in so many records. */
const SAMPLE = 1021

/** Whose default it is, for those who know their producers and not their hashes. */
const WHOSE: Readonly<Record<PartitionerName, string>> = {
  murmur2: 'of the Java client',
  crc32: 'of librdkafka and what builds on it',
  fnv1a: 'of sarama',
}

/**
 * Looks whether a partition's records are where the stream's partitioner puts their keys: state that goes by the keys is in
 * the task of the partition. Else a key that two producers put in two places would have two states, and neither is right.
 */
export class KeyCheck {
  readonly #stream: StreamDef<unknown, unknown>
  readonly #partition: number
  readonly #partitions: number
  readonly #place: Place
  #left = FIRST

  constructor(stream: StreamDef<unknown, unknown>, partition: number, partitions: number) {
    this.#stream = stream
    this.#partition = partition
    this.#partitions = partitions
    this.#place = placeBy(stream.partitioner, stream.name)
  }

  /**
   * Looks at the record on which the cursor stands, of these batches. Returns after how many records it is to be asked
   * again. ERR_PARTITIONER, which names the partitioner that fits.
   */
  look(cursor: RecordCursor, batches: Uint8Array): number {
    const { bytes, keyStart, keyEnd } = cursor
    if (keyEnd < 0 || isAnywhere(this.#stream.partitioner, keyEnd - keyStart)) return 1
    const owner = this.#place(bytes, keyStart, keyEnd, this.#partitions)
    if (owner !== this.#partition) throw this.#mismatch(cursor, owner, batches)
    if (this.#left > 0) this.#left--
    return this.#left > 0 ? 1 : SAMPLE
  }

  #mismatch({ bytes, keyStart, keyEnd, offset }: RecordCursor, owner: number, batches: Uint8Array): TidemarkError {
    const { name, partitioner } = this.#stream
    const partition = this.#partition
    const key = this.#show(bytes.subarray(keyStart, keyEnd))
    const { keyed, fitting } = this.#fitting(batches)
    const declared = typeof partitioner === 'function' ? "the stream's own function" : partitioner
    const found = `stream ${name}, partition ${partition}, offset ${offset}: key ${key} belongs to partition ${owner} of ${this.#partitions} by the stream's partitioner (${declared})`
    const advice =
      fitting.length === 0
        ? `None of ${PARTITIONER_NAMES.join(', ')} fits the ${keyed} keyed records at hand: give the stream the function that its producers use as partitioner, or say partitioner: 'unknown', and the job repartitions it`
        : `${fitting.map((each) => `${each} (the default ${WHOSE[each]})`).join(' and ')} ${fitting.length === 1 ? 'fits' : 'fit'} all ${keyed} keyed records at hand: say so, as in stream('${name}', { partitioner: '${fitting[0]}' }), or partitioner: 'unknown', and the job repartitions it`
    return new TidemarkError('ERR_PARTITIONER', `${found}, and its state would be in two tasks. ${advice}`, {
      details: { stream: name, partition, offset, owner, fits: fitting.join(',') },
    })
  }

  /** Which partitioners put every keyed record of these batches where it is. */
  #fitting(batches: Uint8Array): { readonly keyed: number; readonly fitting: readonly PartitionerName[] } {
    const cursor = new RecordCursor()
    let keyed = 0
    let fitting = PARTITIONER_NAMES
    cursor.reset(batches)
    while (cursor.nextBatch()) {
      while (cursor.next()) {
        const { bytes, keyStart, keyEnd } = cursor
        if (keyEnd < 0) continue
        keyed++
        fitting = fitting.filter((name) => {
          const place = placeBy(name, this.#stream.name)
          const isThere = place(bytes, keyStart, keyEnd, this.#partitions) === this.#partition
          return isThere || isAnywhere(name, keyEnd - keyStart)
        })
      }
    }
    return { keyed, fitting }
  }

  #show(bytes: Uint8Array): string {
    try {
      return showValue(this.#stream.key.read(bytes, 0, bytes.length))
    } catch {
      return hexOf(bytes)
    }
  }
}
