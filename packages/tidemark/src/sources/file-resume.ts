import type { FileHandle } from 'node:fs/promises'
import { TidemarkError } from '../errors/error.ts'
import { type ByteInput, CompressedBytes, type Compression, PlainBytes, skipVerified } from './byte-input.ts'
import { type FileIdentity, findRotated, identify, isAt, openInput } from './file-identity.ts'
import { type RowPosition, START } from './row-reader.ts'

/** A place in a file, as it is kept in the log. */
export interface FilePosition {
  readonly kind: 'file'
  readonly path: string
  readonly file: FileIdentity
  readonly row: RowPosition
}

export interface ResumeRequest {
  readonly path: string
  /** The path as the user wrote it, for messages. */
  readonly shown: string
  readonly compression: Compression
  readonly follow: boolean
  /** Up to this much that was read before is read again to see that it is unchanged, even in the same inode. */
  readonly verifyMaxBytes: number
}

/** An open file, with what comes after `position` as the next bytes of `input`. */
export interface ResumedFile {
  readonly handle: FileHandle
  readonly identity: FileIdentity
  readonly input: ByteInput
  readonly position: RowPosition
  readonly warning: string | null
}

/**
 * Opens a file where an earlier run stopped. The file is the same if what was read of it has the same CRC-32 now,
 * whatever its inode: so a file that was appended to, rewritten with more at the end, or compressed anew goes on. In
 * the same inode a plain file is trusted by its first KiB when more than `verifyMaxBytes` of it were read. A followed file that
 * was rotated is searched for by its inode in its directory and read to its end first.
 */
export async function resumeFile(request: ResumeRequest, position: FilePosition | null): Promise<ResumedFile> {
  const handle = await openInput(request.path)
  try {
    const identity = await identify(handle)
    if (position === null || position.row.byte === 0) {
      return { handle, identity, input: inputAt(request, handle), position: position?.row ?? START, warning: null }
    }
    const input = await matching(request, handle, identity, position)
    if (input !== null) return { handle, identity, input, position: position.row, warning: null }
    const sameInode = identity.inode === position.file.inode && identity.device === position.file.device
    if (sameInode || !request.follow) throw changed(request, identity, position, sameInode)
    return await rotated(request, { handle, identity }, position)
  } catch (error) {
    await handle.close()
    throw error
  }
}

function inputAt(request: ResumeRequest, handle: FileHandle): ByteInput {
  if (request.compression === null) return new PlainBytes(handle, 0)
  return new CompressedBytes(handle, request.compression, request.shown)
}

/** The bytes after the position, if the file begins with what was read before; null if it does not. */
async function matching(
  request: ResumeRequest,
  handle: FileHandle,
  identity: FileIdentity,
  position: FilePosition,
): Promise<ByteInput | null> {
  const { byte, crc } = position.row
  if (request.compression === null) {
    if (identity.sizeBytes < byte) return null
    const sameInode = identity.inode === position.file.inode && identity.device === position.file.device
    if (sameInode && byte > request.verifyMaxBytes) {
      const head = await identify(handle, position.file.headBytes)
      return head.head === position.file.head ? new PlainBytes(handle, byte) : null
    }
  }
  const input = inputAt(request, handle)
  if (await skipVerified(input, byte, crc)) return input
  input.close()
  return null
}

/** Another file has the path: reads the old one to its end first, if it is still in the directory. */
async function rotated(
  request: ResumeRequest,
  fresh: { handle: FileHandle; identity: FileIdentity },
  position: FilePosition,
): Promise<ResumedFile> {
  const oldPath = await findRotated(request.path, position.file)
  if (oldPath !== null) {
    const old = await resumeFile({ ...request, path: oldPath, shown: oldPath, follow: false }, position)
    if ((await isAt(request.path, old.identity)) === 'other') {
      await fresh.handle.close()
      return old
    }
    await old.handle.close()
  }
  return {
    ...fresh,
    input: new PlainBytes(fresh.handle, 0),
    position: { ...START, rows: position.row.rows },
    warning:
      `${request.shown} is another file than the one that was followed before, and that one is no longer in its ` +
      'directory: rows that were written to it after the last commit are not read.',
  }
}

function changed(
  request: ResumeRequest,
  identity: FileIdentity,
  position: FilePosition,
  sameInode: boolean,
): TidemarkError {
  const { shown } = request
  const details = { file: shown, byte: position.row.byte }
  if (request.compression === null && sameInode && identity.sizeBytes < position.row.byte) {
    return new TidemarkError(
      'ERR_INPUT_TRUNCATED',
      `${shown} has become shorter (${identity.sizeBytes} bytes) than what was read of it before ` +
        `(${position.row.byte} bytes). Put the rows back, or give the new file another name to read it as well.`,
      { details },
    )
  }
  return new TidemarkError(
    'ERR_INPUT_CHANGED',
    `${shown} is not the file that was read before: its first ${position.row.byte} bytes ` +
      `(${position.row.rows} rows) are different now. New rows may only be added at the end. To read the new content ` +
      'as well, give it another name; to start over, use another data directory.',
    { details },
  )
}
