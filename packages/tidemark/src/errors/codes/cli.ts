import { EXIT, type ErrorEntry } from '../entry.ts'

export const CLI_ERRORS = {
  ERR_PLACEHOLDER_CLI: {
    domain: 'internal',
    retry: 'never',
    exit: EXIT.internal,
    about: 'Replaced by the first real code.',
  },
} as const satisfies Record<string, ErrorEntry>
