import { crc32 } from 'node:zlib'
import { TidemarkError } from '../errors/error.ts'
import type { Checkpoint, CheckpointFile } from './manager.ts'

/** A record that some earlier owner wrote and a claim found in its place. */
export interface Inherited {
  readonly slot: number
  readonly nonce: string
}

/** A claim: everything that is older and not in `inherited` is a stale owner's and means nothing. */
export interface ClaimRecord {
  readonly kind: 'claim'
  readonly epoch: number
  readonly nonce: string
  readonly atMs: number
  readonly inherited: readonly Inherited[]
}

export interface CheckpointEntry {
  readonly kind: 'checkpoint'
  readonly epoch: number
  readonly nonce: string
  readonly atMs: number
  readonly id: number
  readonly savepoint: boolean
  readonly files: readonly CheckpointFile[]
  /** Files of the checkpoint before that this one no longer lists. */
  readonly dropped: readonly string[]
  /** Base64. */
  readonly record: string
}

export type SlotRecord = ClaimRecord | CheckpointEntry

const MAGIC = 'tidemark-checkpoint'
const VERSION = 1
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const HEADER = /^tidemark-checkpoint (\d+) ([0-9a-f]{8}) (\d+)$/

/** One line with version, CRC-32 and length of the rest, then JSON: readable by people, verifiable by us. */
export function encodeSlot(record: SlotRecord): Uint8Array {
  const body = encoder.encode(JSON.stringify(record))
  const checksum = crc32(body).toString(16).padStart(8, '0')
  const header = encoder.encode(`${MAGIC} ${VERSION} ${checksum} ${body.length}\n`)
  const bytes = new Uint8Array(header.length + body.length)
  bytes.set(header)
  bytes.set(body, header.length)
  return bytes
}

/** Throws ERR_CHECKPOINT_CORRUPT, naming the file, unless the bytes are exactly what `encodeSlot` made. */
export function decodeSlot(bytes: Uint8Array, path: string): SlotRecord {
  const newline = bytes.indexOf(10)
  const header = HEADER.exec(newline === -1 ? '' : String.fromCharCode(...bytes.subarray(0, Math.min(newline, 80))))
  if (header === null) throw damaged(path, 'it does not start as one')
  if (Number(header[1]) > VERSION) {
    const message = `${path} has format version ${header[1]}; this Tidemark reads up to ${VERSION}: use a newer one`
    throw new TidemarkError('ERR_FORMAT_NEWER', message, { details: { file: path } })
  }
  if (Number(header[1]) < VERSION) throw damaged(path, `there is no format version ${header[1]}`)
  const body = bytes.subarray(newline + 1)
  if (body.length !== Number(header[3])) throw damaged(path, `it has ${body.length} bytes, not ${header[3]}`)
  if (crc32(body) !== Number.parseInt(header[2] ?? '', 16)) throw damaged(path, 'its checksum is wrong')
  return JSON.parse(decoder.decode(body)) as SlotRecord
}

/** ERR_CHECKPOINT_CORRUPT for a file of a checkpoint. */
export function damaged(path: string, why: string): TidemarkError {
  return new TidemarkError(
    'ERR_CHECKPOINT_CORRUPT',
    `checkpoint file ${path} is damaged: ${why}. Take an older checkpoint, or restore it from a copy.`,
    { details: { file: path } },
  )
}

export function toCheckpoint(task: string, entry: CheckpointEntry): Checkpoint {
  const { id, epoch, atMs, savepoint, files } = entry
  return { task, id, epoch, atMs, savepoint, files, record: new Uint8Array(Buffer.from(entry.record, 'base64')) }
}
