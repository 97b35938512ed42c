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
    about:
      'The engine of a task cannot keep a checkpoint. Take a savepoint, which every engine can, or choose another engine.',
  },
  ERR_CONTROL_TIMEOUT: {
    domain: 'runtime',
    retry: 'later',
    exit: EXIT.failed,
    about: 'The process that has the data directory open did not answer a request. It may still do what it was asked.',
  },
  ERR_STORE_IN_USE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A store that the job declares cannot be dropped. Take it out of the job, and run the job once, before.',
  },
  ERR_LINEAGE_IN_USE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'Only older lineages can be dropped: not the one that the job is in, and not one whose start is under way or was cut off.',
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
    about:
      'A job cannot start from this savepoint: of another job, with other numbers of tasks or partitions, or of other offsets.',
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
  ERR_CHECKPOINT_CONFLICT: {
    domain: 'checkpoint',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'An earlier write of the same owner, whose outcome it had not learned, took effect meanwhile. List the checkpoints, and go on from the newest.',
  },
  ERR_CHECKPOINT_AHEAD: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.data,
    about:
      'The place where checkpoints are kept has a later one than the data directory has committed: that is an older copy. Give another place, or go on with the newer data directory.',
  },
  ERR_CHECKPOINT_TARGET: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.usage,
    about: 'Checkpoints cannot be kept there. A place is file:///directory or s3://bucket/prefix.',
  },
  ERR_OBJECT_STORE: {
    domain: 'checkpoint',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'The place where checkpoints are kept cannot be reached, or is too busy. Nothing was done; it is tried again.',
  },
  ERR_OBJECT_STORE_UNKNOWN: {
    domain: 'checkpoint',
    retry: 'later',
    exit: EXIT.failed,
    about:
      'The place where checkpoints are kept did not answer: the write may have happened or may happen yet. It is found out before the next one.',
  },
  ERR_OBJECT_STORE_ACCESS: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.failed,
    about: 'The bucket is not there, or these credentials may not use it. Check the name, the region and the rights.',
  },
  ERR_OBJECT_STORE_UNSAFE: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'The S3 server ignores If-None-Match, by which owners of a task are told apart: checkpoints would not be safe there. Use another server.',
  },
  ERR_S3_MISSING: {
    domain: 'checkpoint',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'Checkpoints in S3 need the package @aws-sdk/client-s3, which is not installed. The message has the command.',
  },
} as const satisfies Record<string, ErrorEntry>
