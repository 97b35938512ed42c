import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import type { ErrorCode } from '../errors/table.ts'

const KINDS: readonly (readonly [pattern: RegExp, code: ErrorCode, advice: string])[] = [
  [/no space left|disk quota|MDB_MAP_FULL/i, 'ERR_DISK_FULL', 'Free space and start again; nothing committed is lost.'],
  [
    /LEVEL_LOCKED|lock .*(held|hold|LOCK)|resource temporarily unavailable/i,
    'ERR_ENGINE_LOCKED',
    'Another process, or another base of this one, has it open for writing: stop that one first.',
  ],
  [
    /corrupt|checksum|MDB_PAGE|MDB_INVALID|bad magic|truncated/i,
    'ERR_STATE_CORRUPT',
    'Nothing of it is served: restore the directory, or the whole data directory, from a copy.',
  ],
  [/permission denied|read-only file system/i, 'ERR_DISK_ACCESS', 'Check owner and mode of the directory.'],
]

/** The TidemarkError for what a native package threw; `action` continues "cannot ". */
export function nativeError(engine: string, action: string, location: string, error: unknown): TidemarkError {
  if (isTidemarkError(error)) return error
  const said = describeAll(error)
  for (const [pattern, code, advice] of KINDS) {
    if (pattern.test(said)) return made(code, engine, action, location, said, advice, error)
  }
  const advice = 'Check the disk and its log, then start again: the task goes on from its last checkpoint.'
  return made('ERR_ENGINE', engine, action, location, said, advice, error)
}

function made(
  code: ErrorCode,
  engine: string,
  action: string,
  location: string,
  said: string,
  advice: string,
  cause: unknown,
): TidemarkError {
  const message = `${engine} cannot ${action} ${location}: ${said}. ${advice}`
  const place = code === 'ERR_STATE_CORRUPT' ? placeIn(said) : {}
  return new TidemarkError(code, message, { cause, details: { engine, path: location, action, ...place } })
}

/** The file, and the position in it, that a package names. It may go on with `The file .../MANIFEST may be corrupted`. */
function placeIn(said: string): { readonly file?: string; readonly position?: number } {
  const [, file, position] = /(\S+\.(?:sst|ldb|log))(?: offset (\d+))?/.exec(said) ?? []
  if (file === undefined) return {}
  return position === undefined ? { file } : { file, position: Number(position) }
}

/** A write that failed on a disk without space, whatever the package calls it. */
export function diskFullError(engine: string, location: string, error: TidemarkError): TidemarkError {
  const advice = 'Free space and start again; nothing committed is lost.'
  return made('ERR_DISK_FULL', engine, 'write', location, `${error.message} No space is left there`, advice, error)
}

/** Codes and messages of an error and its causes: these packages put the reason into the cause. */
function describeAll(error: unknown): string {
  const parts: string[] = []
  let at: unknown = error
  for (let depth = 0; depth < 4 && at instanceof Error; depth++) {
    const code = (at as NodeJS.ErrnoException).code
    parts.push(code === undefined ? at.message : `${code}: ${at.message}`)
    at = at.cause
  }
  return parts.length === 0 ? String(error) : parts.join('; ').replaceAll(/\s+/g, ' ')
}
