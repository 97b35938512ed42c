import { EXIT, type ErrorEntry } from '../entry.ts'

export const INPUT_ERRORS = {
  ERR_INPUT_MALFORMED: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.input,
    about:
      'A row of an input cannot be read. Mend the row at the named line and start again, or choose to drop such rows.',
  },
  ERR_INPUT_CHANGED: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.input,
    about:
      'A file is not the one, or not a longer version of the one, that was read before. Name the new file otherwise.',
  },
  ERR_INPUT_TRUNCATED: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.input,
    about: 'A file that is being read has become shorter. Rotate files by renaming them, not by truncating them.',
  },
  ERR_INPUT_COMPRESSED: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.input,
    about: 'A .gz or .zst file is damaged or not complete.',
  },
  ERR_INPUT_FOLLOW: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.usage,
    about: 'This kind of file has an end and cannot be followed: a compressed file, or a JSON array.',
  },
  ERR_INPUT_FLAG: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'An --in flag is not of the form stream=PATH.',
  },
  ERR_INPUT_FORMAT: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The format of an input cannot be told from its name. Write it before the path, as in csv:PATH.',
  },
  ERR_INPUT_NOT_FILE: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'An input names something that is not a file, such as a directory.',
  },
  ERR_PARTITIONER: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.data,
    about:
      "A record is not in the partition where the stream's partitioner puts its key, so that state by that key would be in two tasks. The message names the partitioner that fits. No error policy passes over it.",
  },
  ERR_SOURCE_FENCED: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.locked,
    about: 'Another run has taken over this input or output of the data directory. Stop one of the two.',
  },
  ERR_OUTPUT_FLAG: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'An --out flag is not of the form stream=PATH.',
  },
  ERR_OUTPUT_EXISTS: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.usage,
    about: 'An output file has content that this job did not write. Remove the file or name another.',
  },
  ERR_OUTPUT_CHANGED: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.data,
    about: 'An output file is shorter than what was committed to it, or was replaced. Put it back or name another.',
  },
  ERR_OUTPUT_CLOSED: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.failed,
    about: 'The reader of standard output has gone away.',
  },
} as const satisfies Record<string, ErrorEntry>
