import type { DiskFile } from '../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { corrupt } from './format.ts'

/** Reads up to `length` bytes, fewer at the file's end; returns how many. Throws ERR_DISK_IO with the position. */
export function readInto(file: DiskFile, target: Uint8Array, at: number, position: number, length: number): number {
  let done = 0
  while (done < length) {
    let count: number
    try {
      count = file.read(target, at + done, length - done, position + done)
    } catch (error) {
      throw readError(error, file.path, position + done)
    }
    if (count === 0) break
    done += count
  }
  return done
}

/** Reads bytes that must be there, into `bytes` if it is given. Throws ERR_STATE_CORRUPT, ERR_DISK_IO. */
export function readExactly(
  file: DiskFile,
  position: number,
  length: number,
  store?: string,
  bytes: Uint8Array = new Uint8Array(length),
): Uint8Array {
  checkLength(file.path, readInto(file, bytes, 0, position, length), position, length, store)
  return bytes
}

/** As `readExactly`, in another thread of the process where the disk can; the bytes come in `done`. */
export async function readExactlyLater(
  file: DiskFile,
  position: number,
  bytes: Uint8Array,
  store: string,
): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    let count: number
    try {
      const length = bytes.length - done
      const reading = file.readLater(bytes, done, length, position + done)
      count = reading === null ? length : await reading
    } catch (error) {
      throw readError(error, file.path, position + done)
    }
    if (count === 0) break
    done += count
  }
  checkLength(file.path, done, position, bytes.length, store)
}

function checkLength(path: string, count: number, position: number, length: number, store?: string): void {
  if (count < length) throw corrupt(path, position + count, `is cut off: ${length - count} bytes are missing`, store)
}

/** ERR_DISK_IO that says where in which state file; other errors as they are. */
function readError(error: unknown, path: string, position: number): unknown {
  if (!isTidemarkError(error, 'ERR_DISK_IO')) return error
  return new TidemarkError('ERR_DISK_IO', `state file ${path}, at byte ${position}: ${error.message}`, {
    cause: error,
    details: { ...error.details, file: path, path, position },
  })
}
