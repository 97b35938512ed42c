import { EXIT, type ErrorEntry } from '../entry.ts'

export const KAFKA_ERRORS = {
  ERR_KAFKA_UNREACHABLE: {
    domain: 'kafka',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'No broker of the list answers. Check the addresses, the network, TLS and SASL settings; the message has each reason.',
  },
  ERR_KAFKA_RECORD_REFUSED: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'A broker refuses records for good, or their batch is larger than the topic takes. Mend the records or the topic.',
  },
  ERR_KAFKA_ABORTED: {
    domain: 'kafka',
    retry: 'restart',
    exit: EXIT.failed,
    about: 'A transaction was aborted because its task was stopped while it was written. Nothing of it is visible.',
  },
} as const satisfies Record<string, ErrorEntry>
