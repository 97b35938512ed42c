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
  ERR_RECORD_INVALID: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A record cannot be written as it is: its timestamp is not a whole number, or its batch is too large.',
  },
  ERR_CODEC_UNSUPPORTED: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.data,
    about:
      'A record batch is compressed with a codec that nobody brings along. Use none, gzip or zstd, or @tidemark/kafka for snappy and lz4.',
  },
  ERR_FORMAT_NEWER: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.data,
    about: 'The data was written by a newer version of Tidemark. Use that version or a newer one.',
  },
  ERR_FORMAT_OLDER: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.data,
    about: 'The data was written by an older version of Tidemark whose format is not read any more. Use that version.',
  },
  ERR_DATA_DIR_OTHER_JOB: {
    domain: 'config',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The data directory belongs to another job. Give each job a directory of its own.',
  },
  ERR_DATA_DIR_LOCKED: {
    domain: 'log',
    retry: 'later',
    exit: EXIT.locked,
    about: 'Another process (or this one) has the data directory open. Stop it first, or use another directory.',
  },
  ERR_NOT_A_DATA_DIR: {
    domain: 'config',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'The directory does not exist, holds no data of Tidemark, or only a copy of the state of a job that runs on Kafka.',
  },
  ERR_STREAM_MISMATCH: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A stream exists with another shape than the job declares: partitions, kind, retention or description.',
  },
  ERR_STREAM_NAME: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A stream has a name or a number of partitions that the log cannot take.',
  },
  ERR_TOO_MANY_PARTITIONS: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.usage,
    about: 'All streams of a log together have more partitions than it can hold.',
  },
  ERR_OFFSET_OUT_OF_RANGE: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.failed,
    about: 'An offset lies before the start or behind the end of what the partition holds.',
  },
  ERR_DELTAS_GONE: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.data,
    about:
      'The journal has dropped state changes that the state files should hold: state files are missing. Restore them.',
  },
  ERR_LOG_CLOSED: {
    domain: 'log',
    retry: 'restart',
    exit: EXIT.failed,
    about: 'The log was closed, or it failed before and refuses further work. Start again.',
  },
  ERR_LOG_BUSY: {
    domain: 'log',
    retry: 'later',
    exit: EXIT.failed,
    about: 'A log that is being written changed under its reader again and again. Try again.',
  },
  ERR_LOG_THREAD: {
    domain: 'log',
    retry: 'restart',
    exit: EXIT.failed,
    about: 'The log thread ended without having been asked to. Start again: what was committed is there.',
  },
  ERR_TRANSACTION_TOO_LARGE: {
    domain: 'log',
    retry: 'never',
    exit: EXIT.failed,
    about: 'One commit has more bytes than the log can take at once. Commit more often.',
  },
} as const satisfies Record<string, ErrorEntry>
