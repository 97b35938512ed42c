import { crc32c } from '../log/crc/crc32c.ts'
import { TidemarkError } from '../errors/error.ts'
import { readUint32 } from './bytes.ts'

/** The sorted file format, version 2: docs/internals/sorted-file.md describes every byte. */
export const FORMAT_VERSION = 2
/** Version 1 was never published: it is refused. */
const OLDEST_VERSION = 2

/** "TMSORTED". */
const MAGIC = Uint8Array.of(0x54, 0x4d, 0x53, 0x4f, 0x52, 0x54, 0x45, 0x44)

/** The footer keeps its size, and the places of version, checksum and magic, in all versions. */
export const FOOTER_BYTES = 36
const AT = { metadataPosition: 0, metadataLength: 8, metadataCrc: 16, version: 20, footerCrc: 24, magic: 28 } as const

/** Data blocks end with the first entry that reaches this size. */
export const BLOCK_BYTES = 4096
/** The same for blocks that are compressed: a call of the library costs more than the bytes of a small block. */
export const COMPRESSED_BLOCK_BYTES: number = 16 * 1024
/** An index partition ends with the first block that makes it this large. */
export const INDEX_PARTITION_BYTES: number = 8 * 1024
/** Entries between two restarts, where a key is written whole. */
export const RESTART_INTERVAL = 8
/** A restart in a block's table: four bytes of its key, after what the block's keys have in common, and its position. */
export const RESTART_BYTES = 8
/** Behind the table: how many bytes the block's keys have in common, and how many restarts there are. */
export const TAIL_BYTES = 8
/** Values above this have a block of their own. */
export const LARGE_VALUE_BYTES: number = 64 * 1024

/** What an entry's tag says: a deletion, a value in a block of its own, or (tag - TAG_INLINE) bytes of value. */
export const TAG_DELETION = 0
export const TAG_LARGE = 1
export const TAG_INLINE = 2

/** How a block is stored: as it is, or as a zstd frame. */
export const CODEC_NONE = 0
export const CODEC_ZSTD = 1

/**
 * What an entry holds of a large value: 8 bytes position, 4 bytes stored size, 4 bytes size of the value, 1 byte codec,
 * 4 bytes CRC of the stored bytes.
 */
export const LARGE_REFERENCE_BYTES = 21

export interface Footer {
  readonly metadataPosition: number
  readonly metadataLength: number
  /** CRC-32C of the metadata, from which the CRC of every part can be reached: it stands for the content of the file. */
  readonly metadataCrc: number
}

export function encodeFooter(footer: Footer): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(AT.metadataPosition, BigInt(footer.metadataPosition))
  view.setBigUint64(AT.metadataLength, BigInt(footer.metadataLength))
  view.setUint32(AT.metadataCrc, footer.metadataCrc)
  view.setUint32(AT.version, FORMAT_VERSION)
  view.setUint32(AT.footerCrc, crc32c(bytes, 0, AT.footerCrc))
  bytes.set(MAGIC, AT.magic)
  return bytes
}

/** Throws ERR_STATE_CORRUPT or ERR_FORMAT_NEWER. */
export function decodeFooter(bytes: Uint8Array, path: string, position: number): Footer {
  for (let i = 0; i < MAGIC.length; i++) {
    if (bytes[AT.magic + i] !== MAGIC[i])
      throw corrupt(path, position + AT.magic, 'is not a sorted file, or is cut off')
  }
  if (crc32c(bytes, 0, AT.footerCrc) !== readUint32(bytes, AT.footerCrc)) {
    throw corrupt(path, position, 'has a footer that fails its checksum')
  }
  const version = readUint32(bytes, AT.version)
  if (version > FORMAT_VERSION) throw newerFormat(path, version, FORMAT_VERSION)
  if (version < OLDEST_VERSION) throw olderFormat(path, version, OLDEST_VERSION)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const footer = {
    metadataPosition: Number(view.getBigUint64(AT.metadataPosition)),
    metadataLength: Number(view.getBigUint64(AT.metadataLength)),
    metadataCrc: readUint32(bytes, AT.metadataCrc),
  }
  if (footer.metadataPosition + footer.metadataLength !== position) {
    throw corrupt(path, position, `has metadata of ${footer.metadataLength} bytes that do not end at the footer`)
  }
  return footer
}

/** ERR_STATE_CORRUPT for a file: `what` continues "state file <path>". */
export function corrupt(path: string, position: number, what: string, store?: string): TidemarkError {
  const inStore = store === undefined ? '' : ` (store '${store}')`
  return new TidemarkError(
    'ERR_STATE_CORRUPT',
    `state file ${path}${inStore} ${what}, at byte ${position}. Nothing of it is served: ` +
      'restore the file, or the whole data directory, from a copy.',
    { details: { file: path, position, store: store ?? null } },
  )
}

/** ERR_FORMAT_NEWER for a file. */
export function newerFormat(path: string, version: number, known: number): TidemarkError {
  return new TidemarkError(
    'ERR_FORMAT_NEWER',
    `${path} has format version ${version}, and this version of Tidemark reads up to ${known}. ` +
      'Nothing was changed: use the version of Tidemark that wrote it, or a later one.',
    { details: { file: path, version, known } },
  )
}

export function olderFormat(path: string, version: number, oldest: number): TidemarkError {
  return new TidemarkError(
    'ERR_FORMAT_OLDER',
    `${path} has format version ${version}, and this version of Tidemark reads from ${oldest} on. Nothing was changed: ` +
      'use the version of Tidemark that wrote it, or start on an empty data directory.',
    { details: { file: path, version, oldest } },
  )
}
