import { EXIT, type ErrorEntry } from '../entry.ts'

export const STATE_ERRORS = {
  ERR_STATE_CORRUPT: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.data,
    about: 'A state file fails its checksum or is malformed; it is never served.',
  },
  ERR_COMPACTION_CRASHED: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.internal,
    about: 'The thread that merges state files ended by itself. Nothing is lost: start again, and report it.',
  },
  ERR_SERDE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A value could not be encoded or decoded by the declared serde.',
  },
  ERR_SERDE_PACKAGE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The package under a serde (msgpack, avro, protobuf) is not installed. The message has the command.',
  },
  ERR_STATE_AHEAD: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.data,
    about: 'State files are newer than the committed checkpoint (C1). They are refused; wipe them or restore the log.',
  },
  ERR_STATE_GAP: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.data,
    about: 'A committed delta between the state files and the checkpoint is missing. Restore the state or the log.',
  },
  ERR_STORE_MISMATCH: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'A store is declared otherwise than its data was written. The message says what differs, and what to do: change it back, upgrade the values, rename, or drop the old data.',
  },
  ERR_STORE_UPGRADE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A value of an earlier version of a store could not be upgraded: the function threw, or gave no value.',
  },
  ERR_KEY_TOO_LARGE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A key is larger than the limit (64 KiB).',
  },
  ERR_VALUE_TOO_LARGE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A value is larger than the limit of its store (16 MiB by default).',
  },
  ERR_NULL_KEY: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A store was called with a null or undefined key.',
  },
  ERR_NULL_VALUE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A null or undefined value was put into a store. Use delete to remove a key.',
  },
  ERR_TOO_MANY_ITERATORS: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A task has too many iterators over its stores open at once. Close each one.',
  },
  ERR_ITERATOR_EXPIRED: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'An iterator over a store was open for too long and has been closed. Read it sooner, or in several ranges.',
  },
  ERR_WINDOW_INVALID: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'The start or end of a window is not a whole number of milliseconds, or does not fit the store.',
  },
  ERR_SESSION_OVERLAP: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A session was put that overlaps another one of the same key. Remove that one first, or use merge.',
  },
  ERR_STORE_CLOSED: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about: 'A store that was opened alone, or an iterator, was used after the store had been closed. Open it again.',
  },
  ERR_STORE_PARTITION: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'In development: a key was put into a store of a task that does not own it, so that another task would look for it. ' +
      'Key the messages by it, or declare partitionBy.',
  },
  ERR_STORE_RESCALE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.failed,
    about:
      'The entries of a store cannot be moved to another number of tasks, because their keys do not say which task they ' +
      'belong to, or say another one than they are in. The message has the store and the way out.',
  },
  ERR_ENGINE_UNKNOWN: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about: 'There is no storage engine of this name. The message has the nearest one.',
  },
  ERR_ENGINE_NAME: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'An engine cannot be registered under this name: Tidemark has one of this name, or it cannot name a directory.',
  },
  ERR_ENGINE_MISSING: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The package of an engine is not installed, or has no build for this machine. The message has the command.',
  },
  ERR_ENGINE_DISK: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about: 'An engine that opens files of the operating system was asked for on a simulated disk.',
  },
  ERR_ENGINE_LOCKED: {
    domain: 'state',
    retry: 'later',
    exit: EXIT.disk,
    about: 'The database of an engine is open for writing elsewhere. Stop the other process first.',
  },
  ERR_ENGINE_CHANGED: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A store has data in one engine and is to be kept by another. Set the engine back, or give it a new name.',
  },
  ERR_ENGINE: {
    domain: 'state',
    retry: 'never',
    exit: EXIT.disk,
    about: 'The package of an engine failed. The task goes on from its last checkpoint when it is started again.',
  },
} as const satisfies Record<string, ErrorEntry>
