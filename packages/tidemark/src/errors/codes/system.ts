import { EXIT, type ErrorEntry } from '../entry.ts'

export const SYSTEM_ERRORS = {
  ERR_INVARIANT: {
    domain: 'internal',
    retry: 'never',
    exit: EXIT.internal,
    about: 'A condition that must always hold does not. A defect of Tidemark: please report it.',
  },
  ERR_DISK_FULL: {
    domain: 'disk',
    retry: 'later',
    exit: EXIT.disk,
    about: 'No space is left on the device. Nothing committed is lost; free space and start again.',
  },
  ERR_DISK_IO: {
    domain: 'disk',
    retry: 'never',
    exit: EXIT.disk,
    about: 'The operating system failed a read, write or sync. Check the disk; start again from the last checkpoint.',
  },
  ERR_DISK_ACCESS: {
    domain: 'disk',
    retry: 'never',
    exit: EXIT.disk,
    about: 'A file or directory may not be read or written by this user.',
  },
  ERR_FILE_NOT_FOUND: {
    domain: 'disk',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A file or directory does not exist. Check the path.',
  },
  ERR_FILE_EXISTS: {
    domain: 'disk',
    retry: 'never',
    exit: EXIT.disk,
    about: 'A file that was to be made is there already.',
  },
} as const satisfies Record<string, ErrorEntry>
