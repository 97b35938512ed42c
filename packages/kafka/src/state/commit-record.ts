import {
  ByteReader,
  ByteWriter,
  readDescriptor,
  type StoreDescriptor,
  TidemarkError,
  writeDescriptor,
} from 'tidemark/system'

/*
 * The state topic's record of a commit, the last of the commit's records in its partition: key is one byte 0, the value
 * (numbers are LEB128 varuints unless said otherwise):
 *
 *     u8       format version
 *     id       of the checkpoint; 0: the task has committed nothing yet, and this is only a claim
 *     epoch    the owner that wrote it: a claim writes the record again with a larger one
 *     stores   count, then a descriptor each: store id n is the nth
 *     meta     length, then what the owner said of itself (JSON)
 *     rest     the checkpoint, opaque
 */
const VERSION = 1

/** The key of commit records; entries of stores begin with their store's id, which is 1 or more. */
export const COMMIT_KEY: Uint8Array = new Uint8Array([0])

export interface CommitRecord {
  readonly id: number
  readonly ownerEpoch: number
  readonly stores: readonly StoreDescriptor[]
  readonly meta: string
  readonly checkpoint: Uint8Array
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

export function encodeCommit(record: CommitRecord): Uint8Array {
  const out = new ByteWriter(512 + record.checkpoint.length)
  out.u8(VERSION)
  out.varuint(record.id)
  out.varuint(record.ownerEpoch)
  out.varuint(record.stores.length)
  for (const store of record.stores) writeDescriptor(store, out)
  const meta = utf8.encode(record.meta)
  out.varuint(meta.length)
  out.raw(meta)
  out.raw(record.checkpoint)
  return out.copy()
}

/** ERR_STATE_CORRUPT, ERR_FORMAT_NEWER, which name where the record stands. */
export function decodeCommit(bytes: Uint8Array, start: number, end: number, where: string): CommitRecord {
  const from = new ByteReader(bytes, start, end)
  try {
    const version = from.u8()
    if (version !== VERSION) {
      throw new TidemarkError(
        'ERR_FORMAT_NEWER',
        `the commit record at ${where} has format ${version}; this Tidemark reads ${VERSION}. Run a newer one`,
      )
    }
    const id = from.varuint()
    const ownerEpoch = from.varuint()
    const stores: StoreDescriptor[] = []
    for (let left = from.varuint(); left > 0; left--) {
      const store = readDescriptor(from)
      if (store === undefined) throw new RangeError('a store descriptor is malformed')
      stores.push(store)
    }
    const metaBytes = from.varuint()
    const metaEnd = from.position + metaBytes
    if (metaEnd > end) throw new RangeError('it ends too soon')
    const meta = text.decode(bytes.subarray(from.position, metaEnd))
    return { id, ownerEpoch, stores, meta, checkpoint: bytes.slice(metaEnd, end) }
  } catch (cause) {
    if (cause instanceof TidemarkError && cause.code === 'ERR_FORMAT_NEWER') throw cause
    throw new TidemarkError(
      'ERR_STATE_CORRUPT',
      `the commit record at ${where} cannot be read. Was something else written to the state topic?`,
      { cause },
    )
  }
}
