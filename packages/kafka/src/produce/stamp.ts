import { batchHeader as header, CODECS, compress, TidemarkError, type WriteCodec } from 'tidemark/system'

/** A producer as the broker knows it: its id and its epoch. */
export interface Identity {
  readonly producerId: number
  readonly epoch: number
}

export interface StampOptions {
  readonly transactional: boolean
  /** How an uncompressed batch is packed; what is compressed already stays as it is. Default `none`. */
  readonly codec?: WriteCodec
}

/** Sequences are of 31 bits and start over at 0 (KIP-98). */
export function sequenceAfter(sequence: number, records: number): number {
  return (sequence + records) % 2 ** 31
}

/**
 * Makes a finished batch one of this producer: sets its id, epoch and sequence in place, packs the records if asked (then
 * the answer is another array), and computes the CRC again, which covers all of that.
 */
export function stamp(batch: Uint8Array, identity: Identity, baseSequence: number, options: StampOptions): Uint8Array {
  const { transactional, codec = 'none' } = options
  const stamped = codec === 'none' ? batch : pack(batch, codec)
  const { AT } = header
  const bits = header.attributes(stamped, 0) & ~header.TRANSACTIONAL
  header.writeInt16(stamped, AT.attributes, transactional ? bits | header.TRANSACTIONAL : bits)
  header.writeInt64(stamped, AT.producerId, identity.producerId)
  header.writeInt16(stamped, AT.producerEpoch, identity.epoch)
  header.writeInt32(stamped, AT.baseSequence, baseSequence)
  header.sealCrc(stamped, 0, stamped.length)
  return stamped
}

/** The batch with its records packed, CRC not set; the batch itself if that would not make it smaller. */
function pack(batch: Uint8Array, codec: Exclude<WriteCodec, 'none'>): Uint8Array {
  const bits = header.attributes(batch, 0)
  if ((bits & header.CODEC_MASK) !== 0) return batch
  const records = compress(codec, batch.subarray(header.HEADER_BYTES))
  if (records.length >= batch.length - header.HEADER_BYTES) return batch
  const packed = new Uint8Array(header.HEADER_BYTES + records.length)
  packed.set(batch.subarray(0, header.HEADER_BYTES))
  packed.set(records, header.HEADER_BYTES)
  header.writeInt32(packed, header.AT.batchLength, packed.length - header.LENGTH_PREFIX_BYTES)
  header.writeInt16(packed, header.AT.attributes, bits | CODECS.indexOf(codec))
  return packed
}

/** Throws ERR_KAFKA_RECORD_REFUSED for a batch of more bytes than its topic takes (`max.message.bytes`). */
export function checkSize(batch: Uint8Array, topic: string, partition: number, maxBytes: number): void {
  const sizeBytes = batch.length
  if (sizeBytes <= maxBytes) return
  const records = header.recordCount(batch, 0)
  throw new TidemarkError(
    'ERR_KAFKA_RECORD_REFUSED',
    `a batch of ${records} records for stream "${topic}", partition ${partition}, has ${sizeBytes} bytes, but the topic takes ${maxBytes}. Write smaller records, or raise max.message.bytes of the topic.`,
    { details: { stream: topic, partition, sizeBytes, maxBytes, records } },
  )
}
