import { EXIT, type ErrorEntry } from '../entry.ts'

function job(about: string): ErrorEntry {
  return { domain: 'job', retry: 'never', exit: EXIT.usage, about }
}

export const JOB_ERRORS = {
  ERR_NAME: job('A job, stream, store or operator has a name that is not allowed. The message gives the rule.'),
  ERR_DURATION: job("A duration is not one like '1h', '5m', '1h6m' or a number of milliseconds."),
  ERR_OPTION: job('An option has a value that is not allowed. The message names the option and what it takes.'),
  ERR_SERDE_UNKNOWN: job(
    "No serde has this name: the data was written by a user's own serde. Read it through the job.",
  ),
  ERR_KEY_SERDE: job('groupBy gave a key that is no string and nothing says how to encode it: pass { key: ... }.'),
  ERR_JOB_DEFINITION: job('defineJob did not get a pipeline or a task as it should. The message says what to change.'),
  ERR_JOB_EMPTY: job('A job reads no stream.'),
  ERR_JOB_NO_END: job('A pipeline leads nowhere: end it with .to(), .forEach(), .toTable() or an aggregate.'),
  ERR_JOB_DUPLICATE: job('Two different things of a job have the same name, or two operators write one store.'),
  ERR_JOB_RESERVED: job('An input has a name that a task uses for something else, such as init or close.'),
  ERR_JOB_HANDLER: job(
    'A task lacks a handler for an input or timer, or has one for something that it does not declare.',
  ),
  ERR_JOB_RETENTION: job('A windows store needs a retention here, since no window says how long entries are of use.'),
} as const satisfies Record<string, ErrorEntry>
