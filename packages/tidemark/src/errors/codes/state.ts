import { EXIT, type ErrorEntry } from '../entry.ts'

export const STATE_ERRORS = {
  ERR_STATE_CORRUPT: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.data,
    about: 'A state file fails its checksum or is malformed; it is never served.',
  },
  ERR_SERDE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A value could not be encoded or decoded by the declared serde.',
  },
} as const satisfies Record<string, ErrorEntry>
