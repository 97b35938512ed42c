import { EXIT, type ErrorEntry } from '../entry.ts'

export const KAFKA_ERRORS = {
  ERR_KAFKA_UNREACHABLE: {
    domain: 'kafka',
    retry: 'later',
    exit: EXIT.failed,
    about: 'No broker of the list answers. Check the addresses, the network, TLS and SASL settings; the message has each reason.',
  },
} as const satisfies Record<string, ErrorEntry>
