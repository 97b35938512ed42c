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
} as const satisfies Record<string, ErrorEntry>
