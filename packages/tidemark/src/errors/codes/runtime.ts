import { EXIT, type ErrorEntry } from '../entry.ts'

export const RUNTIME_ERRORS = {
  ERR_COMMIT_TIMEOUT: {
    domain: 'runtime',
    retry: 'restart',
    exit: EXIT.failed,
    about:
      'A commit took longer than commit.timeoutMs. The task resumes from the last checkpoint; raise the limit or lower the load.',
  },
  ERR_COMMIT_FAILED: {
    domain: 'runtime',
    retry: 'restart',
    exit: EXIT.failed,
    about: 'The log refused a commit without saying why. The task resumes from the last checkpoint.',
  },
  ERR_FENCED: {
    domain: 'runtime',
    retry: 'never',
    exit: EXIT.failed,
    about: 'Another container has taken the task over; the old owner stops.',
  },
  ERR_HANDLER_FAILED: {
    domain: 'runtime',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'A handler or a step of the job threw. The message names stream, partition, offset and key; nothing after the last checkpoint counts.',
  },
  ERR_MESSAGE_TOO_LARGE: {
    domain: 'runtime',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'A message is larger than its stream takes: on Kafka, with its record and batch around it, than max.message.bytes of the topic. It is refused where it is sent, so the error policy of the input applies.',
  },
  ERR_MESSAGE_TIMESTAMP: {
    domain: 'runtime',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'The timestamp of a message is further from the clock than its stream takes: on Kafka, than message.timestamp.before.max.ms or message.timestamp.after.max.ms of the topic. It is refused where it is sent, so the error policy of the input applies.',
  },
  ERR_HANDLER_TIMEOUT: {
    domain: 'runtime',
    retry: 'restart',
    exit: EXIT.failed,
    about:
      'An asynchronous handler did not settle within nine tenths of commit.timeoutMs. The message names the record. Give what it waits for a limit of its own, or raise commit.timeoutMs.',
  },
  ERR_STEP_ASYNC: {
    domain: 'runtime',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'A step of a pipeline returned a promise. Steps are synchronous; use a low-level task for asynchronous work. No error policy passes over it.',
  },
  ERR_CONTEXT_CLOSED: {
    domain: 'runtime',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A context was used after its handler had settled. Do the work inside the handler, or await it there.',
  },
  ERR_CONTAINER_CRASHED: {
    domain: 'runtime',
    retry: 'restart',
    exit: EXIT.failed,
    about:
      'A container ended by an uncaught error or an unhandled rejection. It is started again from the last checkpoint.',
  },
  ERR_CONTAINER_STUCK: {
    domain: 'runtime',
    retry: 'restart',
    exit: EXIT.failed,
    about:
      'A container did nothing but one step for longer than commit.timeoutMs: a handler that does not return, most likely. The message names the records it was at. The container is ended, and started again from the last checkpoint.',
  },
  ERR_GAVE_UP: {
    domain: 'runtime',
    retry: 'never',
    exit: EXIT.gaveUp,
    about: 'A container crashed again and again without progress. The last error says why.',
  },
  ERR_DRAIN_TIMEOUT: {
    domain: 'runtime',
    retry: 'later',
    exit: EXIT.failed,
    about: 'The final commits were not done within the drain deadline. The next run resumes from the last checkpoint.',
  },
  ERR_RUN_ENDED: {
    domain: 'runtime',
    retry: 'never',
    exit: EXIT.failed,
    about: 'Something was asked of a run that has ended.',
  },
  ERR_UNKNOWN_STREAM: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'The job or the data directory has no stream of this name, or the stream no such partition. The message lists those there are.',
  },
  ERR_UNKNOWN_STORE: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The job or the data directory has no store of this name. The message lists those there are.',
  },
  ERR_OPTION: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'An option of the run is out of range or contradicts another. The message names it.',
  },
} as const satisfies Record<string, ErrorEntry>
