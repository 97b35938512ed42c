import { EXIT, type ErrorEntry } from '../entry.ts'

export const LOG_ERRORS = {
  ERR_LOG_CORRUPT: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.data,
    about: 'Committed bytes of the log are damaged. Nothing is truncated; restore the named file from a copy.',
  },
  ERR_BATCH_CORRUPT: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.data,
    about: 'A record batch fails its checksum or is malformed.',
  },
} as const satisfies Record<string, ErrorEntry>
