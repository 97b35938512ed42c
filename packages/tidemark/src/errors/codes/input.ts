import { EXIT, type ErrorEntry } from '../entry.ts'

export const INPUT_ERRORS = {
  ERR_PLACEHOLDER_INPUT: {
    domain: 'internal',
    retry: 'never',
    exit: EXIT.internal,
    about: 'Replaced by the first real code.',
  },
} as const satisfies Record<string, ErrorEntry>
