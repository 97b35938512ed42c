import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/
const MAX_LENGTH = 100

/**
 * Checks a name of a job, stream, store or operator: it becomes part of file and topic names. 1 to 100 letters, digits,
 * '.', '_' and '-' of ASCII, starting with a letter, a digit or '_'. Throws ERR_NAME.
 */
export function assertName(what: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && name.length <= MAX_LENGTH && NAME.test(name)) return
  const why =
    typeof name === 'string' && name.length > MAX_LENGTH
      ? `it has ${name.length} characters, and at most ${MAX_LENGTH} are allowed`
      : "it may hold letters, digits, '.', '_' and '-', and starts with a letter, a digit or '_'"
  throw new TidemarkError('ERR_NAME', `${what}: ${showValue(name)} cannot be a name: ${why}`)
}
