import { EXIT, type ErrorEntry } from '../entry.ts'

export const KAFKA_ERRORS = {
  ERR_KAFKA_UNREACHABLE: {
    domain: 'kafka',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'No broker of the list answers. Check the addresses, the network, TLS and SASL settings; the message has each reason.',
  },
  ERR_KAFKA_CONNECTION: {
    domain: 'kafka',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'A broker cannot be reached, or its connection broke. The request may have been carried out unless `sent` is false.',
  },
  ERR_KAFKA_TIMEOUT: {
    domain: 'kafka',
    retry: 'later',
    exit: EXIT.failed,
    about: 'A broker did not answer in time. It may still carry out the request; look at its load and its log.',
  },
  ERR_KAFKA_AUTHENTICATION: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A broker does not accept the credentials. Check mechanism, user and password of the SASL settings.',
  },
  ERR_KAFKA_VERSION: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A broker does not speak the version of a request that is needed. Use brokers of Kafka 4.0 or newer.',
  },
  ERR_KAFKA_PROTOCOL: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'An answer is not of the Kafka protocol, or damaged. Perhaps the port is one for TLS, or of another program.',
  },
  ERR_KAFKA_OPTION: {
    domain: 'config',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A setting of the system `kafka` makes no sense. The message says which and what is expected.',
  },
  ERR_KAFKA_DENIED: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A broker denies a request to this user. Give it the right to the topic, group or transactional id.',
  },
  ERR_KAFKA_NOT_READY: {
    domain: 'kafka',
    retry: 'later',
    exit: EXIT.failed,
    about: 'A broker cannot do it now: a partition has no leader, say, or a coordinator is loading. Try again.',
  },
  ERR_KAFKA_REFUSED: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.failed,
    about: "A broker refuses a request for good. The message has Kafka's name of the error.",
  },
  ERR_KAFKA_TOPIC_MISSING: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A topic, or a partition of it, does not exist (any more). Create it, or check the name.',
  },
  ERR_KAFKA_TRUNCATED: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.data,
    about:
      'Records that were read are gone from the log: a broker that lacked them became leader (unclean election). State that was made of them has to be made again.',
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
  ERR_KAFKA_TOPIC: {
    domain: 'kafka',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A topic cannot be made, or is configured so that it cannot serve. The message says what to change.',
  },
  ERR_JOB_RUNNING: {
    domain: 'kafka',
    retry: 'later',
    exit: EXIT.locked,
    about:
      'Another process runs the job, and this one was told not to wait. The message says which, where, and since when.',
  },
  ERR_LEASE_LOST: {
    domain: 'kafka',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'The process could not tell the brokers in time that it lives, so that another may run its tasks: it has stopped them. Nothing committed is lost; start it again.',
  },
  ERR_KAFKA_PACKAGE: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The package `@tidemark/kafka` is not installed. Install it beside `tidemark`.',
  },
} as const satisfies Record<string, ErrorEntry>
