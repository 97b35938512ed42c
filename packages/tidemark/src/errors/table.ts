import { CHECKPOINT_ERRORS } from './codes/checkpoint.ts'
import { CLI_ERRORS } from './codes/cli.ts'
import { INPUT_ERRORS } from './codes/input.ts'
import { JOB_ERRORS } from './codes/job.ts'
import { KAFKA_ERRORS } from './codes/kafka.ts'
import { LOG_ERRORS } from './codes/log.ts'
import { REMOTE_ERRORS } from './codes/remote.ts'
import { RUNTIME_ERRORS } from './codes/runtime.ts'
import { STATE_ERRORS } from './codes/state.ts'
import { SYSTEM_ERRORS } from './codes/system.ts'
import type { ErrorEntry } from './entry.ts'

/** Every error code there is. A test checks that each has a test that raises it and a line in docs/guide/errors.md. */
const TABLE = {
  ...SYSTEM_ERRORS,
  ...LOG_ERRORS,
  ...KAFKA_ERRORS,
  ...STATE_ERRORS,
  ...CHECKPOINT_ERRORS,
  ...JOB_ERRORS,
  ...INPUT_ERRORS,
  ...REMOTE_ERRORS,
  ...RUNTIME_ERRORS,
  ...CLI_ERRORS,
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof TABLE

export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = TABLE
