import { EXIT, type ErrorEntry } from '../entry.ts'

export const CHECKPOINT_ERRORS = {
  ERR_CHECKPOINT_NOT_FOUND: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.failed,
    about: 'There is no checkpoint with that id, or none at all. List the checkpoints to see which are retained.',
  },
  ERR_CHECKPOINT_CORRUPT: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.data,
    about:
      'A checkpoint, or a file that it lists, is damaged or missing. It is never used; take an older one or a copy.',
  },
  ERR_CHECKPOINT_FENCED: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.failed,
    about: 'Another owner has claimed the task, so this one may not write its checkpoints. It has to stop.',
  },
  ERR_CHECKPOINT_IN_USE: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.failed,
    about: 'The newest checkpoint of a task cannot be deleted: its positions and state are the current ones.',
  },
  ERR_CHECKPOINT_TASK: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The name of a task cannot be the name of a directory: use letters, digits, dots, dashes and underscores.',
  },
  ERR_CHECKPOINT_ENGINE: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The engine of a task cannot keep a checkpoint or take part in a savepoint. Choose another engine for that.',
  },
  ERR_SAVEPOINT_BUSY: {
    domain: 'checkpoint',
    retry: 'later',
    exit: EXIT.failed,
    about: 'The job is taking a savepoint already. Wait for it.',
  },
  ERR_SAVEPOINT_TIMEOUT: {
    domain: 'checkpoint',
    retry: 'later',
    exit: EXIT.failed,
    about: 'The tasks did not all come to the cut of a savepoint in time. The job goes on; ask again with more time.',
  },
  ERR_SAVEPOINT_EXISTS: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The directory that a savepoint is to be written to is not empty. Name another.',
  },
  ERR_SAVEPOINT_NOT_FOUND: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The directory holds no complete savepoint. Check the path; one that was cut off has to be taken again.',
  },
  ERR_SAVEPOINT_MISMATCH: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A job cannot start from this savepoint: of another job, or with other numbers of tasks or partitions.',
  },
  ERR_SAVEPOINT_IN_FLIGHT: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'A stopped job has records in its streams that it has not processed, so its state is no consistent cut. Name the job module, or take the savepoint while it runs.',
  },
  ERR_SAVEPOINT_INCOMPLETE: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.data,
    about:
      'The start of this data directory from a savepoint was cut off. Start from the savepoint again, with --from.',
  },
} as const satisfies Record<string, ErrorEntry>
