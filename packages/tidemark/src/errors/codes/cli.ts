import { EXIT, type ErrorEntry } from '../entry.ts'

export const CLI_ERRORS = {
  ERR_USAGE: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'An argument of the command line is missing, too many, or not of the form that its help shows.',
  },
  ERR_UNKNOWN_FLAG: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The command has no flag of that name. The message gives the nearest one; --help lists them all.',
  },
  ERR_UNKNOWN_COMMAND: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'There is no command of that name. The message gives the nearest one; tidemark --help lists them all.',
  },
  ERR_CONFIG_UNKNOWN: {
    domain: 'config',
    retry: 'never',
    exit: EXIT.usage,
    about:
      'A name in tidemark.config.ts, in --in or --out, or a TIDEMARK_ variable is not known. Correct or remove it.',
  },
  ERR_CONFIG_VALUE: {
    domain: 'config',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A setting has a value of the wrong kind. The message says where it came from and what it takes.',
  },
  ERR_CONFIG_FILE: {
    domain: 'config',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The configuration file cannot be loaded, or its default export is not an object.',
  },
  ERR_JOB_NOT_FOUND: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The job file does not exist, or is a directory. Check the path.',
  },
  ERR_JOB_NO_DEFAULT: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The job module has no default export. End it with: export default defineJob(...).',
  },
  ERR_JOB_NOT_A_JOB: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The default export of the job module is not what defineJob returns.',
  },
  ERR_JOB_SYNTAX: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The job module, or a module that it imports, is not valid TypeScript or JavaScript.',
  },
  ERR_JOB_IMPORT: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A module or name that the job imports does not exist. Install the package, or correct the import.',
  },
  ERR_JOB_THREW: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.usage,
    about: 'The job module threw while it was imported. A job module only declares; it should run nothing on import.',
  },
  ERR_JOB_EXPORT: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.usage,
    about: 'A named export that the CLI knows (inputs, report) is not of its documented form.',
  },
  ERR_JOB_REPORT: {
    domain: 'job',
    retry: 'never',
    exit: EXIT.failed,
    about: 'The report function of the job module threw. The run itself had ended well and is committed.',
  },
  ERR_NO_SUCH_KEY: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.failed,
    about: 'The store has no value under that key (and window).',
  },
  ERR_STATE_MOVING: {
    domain: 'state',
    retry: 'later',
    exit: EXIT.failed,
    about: 'The running job replaced its state files on every attempt to read them. Try again, or when it is idle.',
  },
  ERR_WRITE_LINE: {
    domain: 'input',
    retry: 'never',
    exit: EXIT.input,
    about:
      'A line given to streams write is not a JSON object with a value, or its stream does not take it. Nothing of that batch was written.',
  },
  ERR_INIT_EXISTS: {
    domain: 'usage',
    retry: 'never',
    exit: EXIT.usage,
    about: 'init would overwrite a file, which it never does. Choose another directory.',
  },
} as const satisfies Record<string, ErrorEntry>
