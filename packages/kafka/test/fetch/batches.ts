import { BatchEncoder, batchHeader, encodeMarker, type WriteCodec } from 'tidemark/system'

/** A partition that tests append batches to. Values are 8 bytes that say the offset. */
export class TestLog {
  readonly batches: { readonly bytes: Uint8Array; readonly start: number; readonly end: number }[] = []
  end = 0

  data(count: number, producerId: number | null, codec: WriteCodec = 'none'): this {
    const encoder = new BatchEncoder()
    for (let i = 0; i < count; i++) {
      const value = new Uint8Array(8)
      batchHeader.writeInt64(value, 0, this.end + i)
      encoder.append(1000 + i, null, 0, 0, value, 0, 8, null)
    }
    const options = producerId === null ? {} : { producerId, producerEpoch: 0, baseSequence: 0, transactional: true }
    return this.add(encoder.finish({ codec, ...options }), count)
  }

  marker(type: 'commit' | 'abort', producerId: number): this {
    return this.add(encodeMarker({ type, producerId, producerEpoch: 0, coordinatorEpoch: 3, timestamp: 9 }), 1)
  }

  add(bytes: Uint8Array, count: number): this {
    batchHeader.setBaseOffset(bytes, 0, this.end)
    batchHeader.writeInt32(bytes, batchHeader.AT.leaderEpoch, 7)
    this.batches.push({ bytes, start: this.end, end: this.end + count })
    this.end += count
    return this
  }

  /** From the batch that holds the offset on, `cutBytes` less at the end. */
  bytes(from = 0, cutBytes = 0): Uint8Array {
    const parts = this.batches.filter(({ end }) => end > from).map(({ bytes }) => bytes)
    const all = new Uint8Array(Buffer.concat(parts))
    return all.subarray(0, Math.max(0, all.length - cutBytes))
  }
}
