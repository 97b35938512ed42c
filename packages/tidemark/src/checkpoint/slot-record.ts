import { TidemarkError } from '../errors/error.ts'
import { decodeFramed, encodeFramed, type FrameKind } from './framed-file.ts'
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

const KIND: FrameKind = { kind: 'checkpoint', version: 1 }

export function encodeSlot(record: SlotRecord): Uint8Array {
  return encodeFramed(KIND, record)
}

/** Throws ERR_CHECKPOINT_CORRUPT, naming the file, unless the bytes are what `encodeSlot` made; ERR_FORMAT_NEWER. */
export function decodeSlot(bytes: Uint8Array, path: string): SlotRecord {
  return decodeFramed(KIND, bytes, path) as SlotRecord
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
