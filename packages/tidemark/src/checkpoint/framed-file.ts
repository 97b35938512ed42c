import { type Disk, readFile, replaceFile } from '../disk/disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { crc32c } from '../log/crc/crc32c.ts'

/**
 * Small files that hold one JSON value: a line `tidemark-<kind> <version> <crc> <length>`, then the JSON. The CRC-32C is
 * of kind, version and JSON, so that a file of one kind never passes for one of another.
 */
export interface FrameKind {
  readonly kind: string
  /** The newest version that is read, and the one that is written. */
  readonly version: number
}

const HEAD = /^tidemark-([a-z-]{1,24}) (\d{1,9}) ([0-9a-f]{8}) (\d{1,12})\n/
const MAX_HEAD_BYTES = 80
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export function encodeFramed({ kind, version }: FrameKind, value: unknown): Uint8Array {
  const body = encoder.encode(`${JSON.stringify(value, null, 1)}\n`)
  const crc = checksum(kind, version, body).toString(16).padStart(8, '0')
  const head = encoder.encode(`tidemark-${kind} ${version} ${crc} ${body.length}\n`)
  const bytes = new Uint8Array(head.length + body.length)
  bytes.set(head)
  bytes.set(body, head.length)
  return bytes
}

/** Throws ERR_CHECKPOINT_CORRUPT, naming the file, or ERR_FORMAT_NEWER. */
export function decodeFramed({ kind, version }: FrameKind, bytes: Uint8Array, path: string): unknown {
  const match = HEAD.exec(String.fromCharCode(...bytes.subarray(0, MAX_HEAD_BYTES)))
  if (match === null || match[1] !== kind) throw damagedFile(path, 'it does not start as one')
  const found = Number(match[2])
  const body = bytes.subarray(match[0].length)
  if (body.length !== Number(match[4])) throw damagedFile(path, `it has ${body.length} bytes, not ${match[4]}`)
  if (checksum(kind, found, body) !== Number.parseInt(match[3] as string, 16)) {
    throw damagedFile(path, 'its checksum is wrong')
  }
  if (found > version) {
    const message = `${path} has format version ${found}; this Tidemark reads up to ${version}: use a newer one`
    throw new TidemarkError('ERR_FORMAT_NEWER', message, { details: { file: path } })
  }
  return JSON.parse(decoder.decode(body)) as unknown
}

/** Reads one; null if it is not there. */
export function readFramed(disk: Disk, kind: FrameKind, path: string): unknown {
  return disk.exists(path) ? decodeFramed(kind, readFile(disk, path), path) : null
}

/** Replaces one atomically and durably. */
export function writeFramed(disk: Disk, kind: FrameKind, directory: string, name: string, value: unknown): void {
  replaceFile(disk, directory, name, encodeFramed(kind, value))
}

function checksum(kind: string, version: number, body: Uint8Array): number {
  return crc32c(body, 0, body.length, crc32c(encoder.encode(`${kind} ${version}\n`)))
}

export function damagedFile(path: string, why: string): TidemarkError {
  return new TidemarkError('ERR_CHECKPOINT_CORRUPT', `${path} is damaged: ${why}. Restore it from a copy.`, {
    details: { file: path },
  })
}
