import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { ErrorCode } from '../errors/table.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'ERR_DISK_FULL',
  EDQUOT: 'ERR_DISK_FULL',
  EACCES: 'ERR_DISK_ACCESS',
  EPERM: 'ERR_DISK_ACCESS',
  EROFS: 'ERR_DISK_ACCESS',
  ENOENT: 'ERR_FILE_NOT_FOUND',
  EEXIST: 'ERR_FILE_EXISTS',
}

const ADVICE: Readonly<Partial<Record<ErrorCode, string>>> = {
  ERR_DISK_FULL: 'no space is left. Free space and start again; nothing committed is lost.',
  ERR_DISK_ACCESS: 'this user may not. Check owner and mode, and that the file system is not read-only.',
  ERR_FILE_NOT_FOUND: 'no such file or directory.',
  ERR_FILE_EXISTS: 'it exists already.',
}

/**
 * The TidemarkError for what the operating system answered: ENOSPC and EDQUOT are ERR_DISK_FULL; EACCES, EPERM and EROFS
 * ERR_DISK_ACCESS; ENOENT ERR_FILE_NOT_FOUND; EEXIST ERR_FILE_EXISTS; EIO and all others ERR_DISK_IO.
 */
export function diskError(action: string, path: string, error: unknown): TidemarkError {
  const errno = (error as NodeJS.ErrnoException).code ?? ''
  const code = CODES[errno] ?? 'ERR_DISK_IO'
  const why = ADVICE[code] ?? `the operating system says ${errno || String(error)}. Check the disk and its log.`
  return new TidemarkError(code, `cannot ${action} ${path}: ${why}`, { cause: error, details: { path, action, errno } })
}

/**
 * True for a sync that the disk has failed, but for want of space. Nobody knows what is on the disk then, and a second sync
 * may succeed without writing what the first has not: whoever wrote must end, and begin from what is known to be there.
 */
export function isSyncFailure(error: unknown): boolean {
  return isTidemarkError(error, 'ERR_DISK_IO') && String(error.details['action']).startsWith('sync')
}
