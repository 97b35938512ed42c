/** Control batches: one record that says how a producer's transaction ended (Kafka's protocol, "Control Batches"). */
import { BatchEncoder } from './batch-encoder.ts'
import { readInt16, readInt32, writeInt16, writeInt32 } from './batch-header.ts'
import type { RecordCursor } from './record-cursor.ts'

const ABORT = 0
const COMMIT = 1
const KEY_BYTES = 4
const VALUE_BYTES = 6

export interface Marker {
  readonly type: 'commit' | 'abort'
  readonly coordinatorEpoch: number
}

export interface MarkerBatch extends Marker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly timestamp: number
}

/** A control batch with one marker, in an ArrayBuffer of its own, with base offset 0. */
export function encodeMarker(marker: MarkerBatch): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(KEY_BYTES)
  writeInt16(key, 2, marker.type === 'commit' ? COMMIT : ABORT)
  const value = new Uint8Array(VALUE_BYTES)
  writeInt32(value, 2, marker.coordinatorEpoch)
  const encoder = new BatchEncoder(128)
  encoder.append(marker.timestamp, key, 0, KEY_BYTES, value, 0, VALUE_BYTES, null)
  const { producerId, producerEpoch } = marker
  return encoder.finish({ producerId, producerEpoch, transactional: true, control: true })
}

/**
 * Reads the marker of the control batch that the cursor has just entered (it takes the batch's first record). Null for
 * an empty batch, and for types that do not end a transaction, which readers skip.
 */
export function readMarker(cursor: RecordCursor): Marker | null {
  if (!cursor.next() || cursor.keyEnd - cursor.keyStart < KEY_BYTES) return null
  const type = readInt16(cursor.bytes, cursor.keyStart + 2)
  if (type !== COMMIT && type !== ABORT) return null
  const hasEpoch = cursor.valueEnd - cursor.valueStart >= VALUE_BYTES
  return {
    type: type === COMMIT ? 'commit' : 'abort',
    coordinatorEpoch: hasEpoch ? readInt32(cursor.bytes, cursor.valueStart + 2) : -1,
  }
}
