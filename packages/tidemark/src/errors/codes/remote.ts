import { EXIT, type ErrorEntry } from '../entry.ts'

export const REMOTE_ERRORS = {
  ERR_REMOTE_TIMEOUT: {
    domain: 'runtime',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'A call of a remote table did not settle within its timeoutMs. It is tried again as often as retry.attempts says.',
  },
  ERR_REMOTE_FAILED: {
    domain: 'runtime',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'All attempts to read or write a remote table failed; the cause is the last one. The policy onError of the run decides about the message.',
  },
  ERR_REMOTE_RESULT: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.failed,
    about: "A remote table's read function gave something else than a Map, or an array with one value for each key.",
  },
  ERR_REMOTE_READ_ONLY: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A remote table without a write function was written to. Give it one.',
  },
  ERR_REMOTE_PACKAGE: {
    domain: 'config',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'The package that speaks to the remote table is not installed. The message has the command that installs it.',
  },
} as const satisfies Record<string, ErrorEntry>
