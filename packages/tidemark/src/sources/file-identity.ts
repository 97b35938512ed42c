import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { diskError } from '../disk/os-error.ts'
import { TidemarkError } from '../errors/error.ts'

export const HEAD_BYTES = 1024

/** What tells one file from another under the same path. JSON. */
export interface FileIdentity {
  readonly device: string
  readonly inode: string
  /** SHA-256 (16 hex digits) of the first `headBytes` bytes of the file as it is on disk. */
  readonly head: string
  readonly headBytes: number
  /** The file's size when it was looked at. */
  readonly sizeBytes: number
}

/** What the file is now; with `headBytes` the head is hashed over that many bytes at most. */
export async function identify(handle: FileHandle, headBytes: number = HEAD_BYTES): Promise<FileIdentity> {
  const facts = await handle.stat({ bigint: true })
  const buffer = Buffer.alloc(headBytes)
  let length = 0
  while (length < headBytes) {
    const { bytesRead } = await handle.read(buffer, length, headBytes - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return {
    device: String(facts.dev),
    inode: String(facts.ino),
    head: createHash('sha256').update(buffer.subarray(0, length)).digest('hex').slice(0, 16),
    headBytes: length,
    sizeBytes: Number(facts.size),
  }
}

/** Opens a file for reading. Throws ERR_FILE_NOT_FOUND, ERR_INPUT_NOT_FILE, ERR_DISK_ACCESS, ERR_DISK_IO. */
export async function openInput(path: string): Promise<FileHandle> {
  let handle: FileHandle
  try {
    handle = await open(path, constants.O_RDONLY)
  } catch (error) {
    throw diskError('open', path, error)
  }
  const facts = await handle.stat()
  if (facts.isFile()) return handle
  await handle.close()
  throw notFile(path)
}

export function notFile(path: string): TidemarkError {
  return new TidemarkError(
    'ERR_INPUT_NOT_FILE',
    `${path} is not a file. Name one file for each input, as in --in visits=${join(path, 'visits.jsonl')}.`,
    { details: { file: path } },
  )
}

/** True while `path` names the file with this identity; false if it names another one or nothing. */
export async function isAt(path: string, identity: FileIdentity): Promise<'same' | 'other' | 'missing'> {
  try {
    const facts = await stat(path, { bigint: true })
    return String(facts.ino) === identity.inode && String(facts.dev) === identity.device ? 'same' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing'
    throw diskError('look at', path, error)
  }
}

/** The path in the same directory that a rotated file has now; null if it is gone. */
export async function findRotated(path: string, identity: FileIdentity): Promise<string | null> {
  const directory = dirname(path)
  for (const name of await readdir(directory)) {
    const candidate = join(directory, name)
    if ((await isAt(candidate, identity)) === 'same') return candidate
  }
  return null
}
